"""Where records come from. What a source owes is `httpmr.interfaces.Source`."""

# In memory
# Files
from httpmr.sources.csvfiles import CSVFiles
from httpmr.sources.files import TextFiles
from httpmr.sources.jsonlines import JSONLines
from httpmr.sources.memory import Memory

# Databases
from httpmr.sources.sql import SQLTable

__all__ = ["CSVFiles", "JSONLines", "Memory", "SQLTable", "TextFiles"]
