"""Any value to bytes and back, exactly; no pickle."""

from httpmr.codec.codec import DEEPEST, dumps, loads, register

__all__ = ["DEEPEST", "dumps", "loads", "register"]
