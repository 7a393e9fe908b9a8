"""Where output goes. What a sink owes is `httpmr.interfaces.Sink`."""

# Files, on a disk that all machines share
from httpmr.sinks.files import CSVFile, JSONLines

# In this process
from httpmr.sinks.memory import Memory

# Databases
from httpmr.sinks.sql import SQLTable

# In the job's own store: the default
from httpmr.sinks.stored import Stored

__all__ = ["CSVFile", "JSONLines", "Memory", "SQLTable", "Stored"]
