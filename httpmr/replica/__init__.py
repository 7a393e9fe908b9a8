"""A replica: the engine on a machine of its own, and the primary's ledger over HTTP."""

from httpmr.replica.work import Replica

__all__ = ["Replica"]
