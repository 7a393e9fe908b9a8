"""Jobs: started, stepped, controlled and looked at, whoever sends the requests."""

from httpmr.jobs.job import Job
from httpmr.jobs.jobs import Jobs
from httpmr.jobs.step import Address, Step

__all__ = ["Address", "Job", "Jobs", "Step"]
