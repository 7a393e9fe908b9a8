"""Who may do which slice, and what a slice's commit makes of its task and job."""

from httpmr.ledger.aside import bad_entries, bad_key
from httpmr.ledger.lanes import Lanes
from httpmr.ledger.ledger import LONGEST_LEASE, PAGE, SLOWEST, Ledger
from httpmr.ledger.places import gone, receipt
from httpmr.ledger.waiting import waiting, waits, want, wanted

__all__ = [
    "LONGEST_LEASE",
    "PAGE",
    "SLOWEST",
    "Lanes",
    "Ledger",
    "bad_entries",
    "bad_key",
    "gone",
    "receipt",
    "waiting",
    "waits",
    "want",
    "wanted",
]
