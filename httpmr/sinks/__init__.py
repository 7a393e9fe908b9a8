"""Where output goes. What a sink owes is `httpmr.interfaces.Sink`."""

from typing import Any

from httpmr.errors import RecipeError

# Files, on a disk that all machines share, or by URL
from httpmr.sinks.files import CSVFile, JSONLines

# In this process
from httpmr.sinks.memory import Memory

# To a URL
from httpmr.sinks.outbox import Outbox

# Files of columns, likewise
from httpmr.sinks.parquet import Parquet

# Databases
from httpmr.sinks.sql import SQLReplace, SQLTable

# In the job's own store: the default
from httpmr.sinks.stored import Stored

__all__ = [
    "CSVFile",
    "JSONLines",
    "Memory",
    "Outbox",
    "Parquet",
    "SQLReplace",
    "SQLTable",
    "Stored",
]


def __getattr__(name: str) -> Any:
    if name == "AppEngineSink":  # it needs a library that others do not
        from httpmr.sinks.appengine import AppEngineSink

        return AppEngineSink
    if name == "DjangoModel":
        try:
            from httpmr.sinks.django import DjangoModel
        except ModuleNotFoundError as error:
            raise RecipeError(f'{name} needs Django: pip install "httpmr[django]"') from error

        return DjangoModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
