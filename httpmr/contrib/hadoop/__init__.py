"""Hadoop Streaming: the mapper, combiner, partitioner and reducer of a Master in Hadoop's tasks.

    python -m httpmr.contrib.hadoop map|combine|reduce TARGET [--name value ...]

Nothing is imported here. `lines` is what goes between tasks, `task` what a task does.
"""
