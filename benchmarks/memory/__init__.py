"""Peak memory of a web process that carries a whole job: `python -m benchmarks.memory`."""
