"""What else people reach for, each where it is installed: the project needs none of it.

    pip install mrjob pyspark pyarrow "dask[bag]" apache-beam
    pip install duckdb duckdb-extension-sqlite-scanner    # of one version

PySpark needs Java too. A module to each, with the workloads as its users would write them; it
runs one as a process of its own: `python -m benchmarks.peers.MODULE WORKLOAD INPUT OUTPUT`.
None is durable: whatever dies begins again.
"""

import shutil
from importlib.util import find_spec
from typing import NamedTuple


class Peer(NamedTuple):
    """What it is called, its module here, and what it needs: libraries and programs."""

    name: str
    module: str
    libraries: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Return what it needs and is not installed."""
        return [name for name in self.libraries if find_spec(name) is None] + [
            name for name in self.programs if shutil.which(name) is None
        ]


PEERS = (
    Peer("multiprocessing by hand, 2", "by_hand"),
    Peer("Dask bag, 2 processes", "dask_bag", ("dask", "partd")),
    Peer("PySpark RDD, local[2]", "spark_rdd", ("pyspark",), ("java",)),
    Peer("PySpark SQL, local[2]", "spark_sql", ("pyspark", "pyarrow"), ("java",)),
    Peer("Apache Beam, in process", "beam", ("apache_beam",)),
    Peer("mrjob, inline", "mrjob_inline", ("mrjob",), ("sort",)),
    Peer("DuckDB, SQL, 2 threads", "duck", ("duckdb", "duckdb_extension_sqlite_scanner")),
)
