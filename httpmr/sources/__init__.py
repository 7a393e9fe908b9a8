"""Where records come from. What a source owes is `httpmr.interfaces.Source`."""

from typing import Any

from httpmr.errors import RecipeError
from httpmr.sources.chain import Chain
from httpmr.sources.csvfiles import CSVFiles
from httpmr.sources.jsonlines import JSONLines
from httpmr.sources.lookup import Lookup
from httpmr.sources.memory import Memory
from httpmr.sources.output import Output
from httpmr.sources.paged import Paged
from httpmr.sources.parquet import Parquet
from httpmr.sources.sql import SQLTable
from httpmr.sources.textfiles import TextFiles

__all__ = [
    "CSVFiles",
    "Chain",
    "JSONLines",
    "Lookup",
    "Memory",
    "Output",
    "Paged",
    "Parquet",
    "SQLTable",
    "TextFiles",
]


def __getattr__(name: str) -> Any:
    if name == "AppEngineSource":  # it needs a library that others do not
        from httpmr.sources.appengine import AppEngineSource

        return AppEngineSource
    if name == "DjangoQuerySet":
        try:
            from httpmr.sources.django import DjangoQuerySet
        except ModuleNotFoundError as error:
            raise RecipeError(f'{name} needs Django: pip install "httpmr[django]"') from error

        return DjangoQuerySet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
