"""Follow a job over HTTP to its end, in one lane or in several at a time."""

from .follow import drive, status

__all__ = ["drive", "status"]
