"""Where records come from. What a source owes is `httpmr.interfaces.Source`."""

from httpmr.sources.csvfiles import CSVFiles
from httpmr.sources.jsonlines import JSONLines
from httpmr.sources.memory import Memory
from httpmr.sources.output import Output
from httpmr.sources.sql import SQLTable
from httpmr.sources.textfiles import TextFiles

__all__ = ["CSVFiles", "JSONLines", "Memory", "Output", "SQLTable", "TextFiles"]
