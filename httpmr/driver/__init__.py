"""Follow a job over HTTP to its end, in one lane or in several at a time."""

from httpmr.driver.follow import drive, status

__all__ = ["drive", "status"]
