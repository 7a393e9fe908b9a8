"""DuckDB's SQL on two threads: what can be reached, where no function of the user's is called.

`python -m benchmarks.peers.duck WORKLOAD INPUT OUTPUT` runs one. SQLite files are read and
written by an extension, which is had with pip so that nothing is fetched here. Nothing is durable
before the statement has ended.
"""

import sys
from pathlib import Path

import duckdb
import duckdb_extension_sqlite_scanner

from benchmarks.peers import results


def words(column):
    """Return the SQL for a column's words, as Python has them.

    There, but not in DuckDB, a dotted capital I in lower case is an i and its dot.
    """
    return f"regexp_extract_all(lower(replace({column}, chr(304), 'i' || chr(775))), '[a-z'']+')"


def word_count(source, target):
    counts = duckdb.sql(
        f"""
        SELECT word, count(*) FROM (
            SELECT unnest({words("line")}) AS word
            FROM read_csv(
                '{source}/*.txt', columns={{'line': 'VARCHAR'}},
                header=false, delim=chr(1), quote='', escape='', strict_mode=false
            )
        ) GROUP BY word
        """
    )
    results.lines(target, counts.fetchall())


def group_by(source, target):
    installed = Path(duckdb_extension_sqlite_scanner.__file__).parent
    for extension in installed.rglob("*.duckdb_extension"):
        duckdb.sql(f"LOAD '{extension}'")
    duckdb.sql(f"ATTACH '{source}' AS source (TYPE sqlite, READ_ONLY)")
    duckdb.sql(f"ATTACH '{target}' AS target (TYPE sqlite)")
    duckdb.sql(
        """
        CREATE TABLE target.delays AS
        SELECT carrier, dest, avg(arr_delay) AS mean, max(arr_delay) AS worst
        FROM source.flights WHERE arr_delay IS NOT NULL GROUP BY carrier, dest
        """
    )


def index(source, target):
    titles = duckdb.sql(
        f"""
        SELECT word, list(title ORDER BY title) FROM (
            SELECT title, unnest(list_distinct({words("text")})) AS word
            FROM read_json('{source}', columns={{'title': 'VARCHAR', 'text': 'VARCHAR'}})
        ) GROUP BY word
        """
    )
    results.lines(target, titles.fetchall())


def sort(source, target):
    duckdb.sql(
        f"""
        COPY (
            SELECT * FROM read_csv(
                '{source}', columns={{'key': 'VARCHAR', 'value': 'VARCHAR'}},
                header=false, delim=' ', quote=''
            ) ORDER BY key, value
        ) TO '{target}' (FORMAT csv, HEADER false, DELIMITER ' ', QUOTE '')
        """
    )


WORKLOADS = {"word count": word_count, "group by": group_by, "index": index, "sort": sort}

if __name__ == "__main__":
    duckdb.sql("SET threads = 2")
    WORKLOADS[sys.argv[1]](*sys.argv[2:])
