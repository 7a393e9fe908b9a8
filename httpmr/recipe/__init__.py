"""What a Master is made of, checked when it is made."""

from httpmr.recipe.parts import Crc32Partitioner, for_many
from httpmr.recipe.recipe import (
    HOOKS,
    MOST_PARTITIONS,
    MOST_SHARDS,
    Hook,
    MapperGiven,
    PartitionerGiven,
    Recipe,
    ReducerGiven,
    SinkGiven,
    SourceGiven,
)

__all__ = [
    "HOOKS",
    "MOST_PARTITIONS",
    "MOST_SHARDS",
    "Crc32Partitioner",
    "Hook",
    "MapperGiven",
    "PartitionerGiven",
    "Recipe",
    "ReducerGiven",
    "SinkGiven",
    "SourceGiven",
    "for_many",
]
