"""The command line: httpmr run | serve | drive | status | link | demo."""

from httpmr.cli.main import main

__all__ = ["main"]
