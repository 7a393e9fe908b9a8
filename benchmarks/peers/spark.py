"""A Spark of this process alone: local[2], and nothing that listens but to this machine."""

import os
import sys
from contextlib import contextmanager

from pyspark.sql import SparkSession


@contextmanager
def local():
    """Yield a session; nothing of it is left after."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    builder = SparkSession.builder.master("local[2]")
    with (
        builder.config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.python.daemon.module", "benchmarks.peers.spark_daemon")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    ) as session:
        yield session
