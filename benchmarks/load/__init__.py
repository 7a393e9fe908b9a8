"""Many drivers on one job at once, and what becomes of the host's own pages."""
