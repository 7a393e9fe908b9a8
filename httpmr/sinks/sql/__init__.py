"""Tables of SQL databases as sinks."""

from httpmr.sinks.sql.replace import SQLReplace
from httpmr.sinks.sql.table import SQLTable

__all__ = ["SQLReplace", "SQLTable"]
