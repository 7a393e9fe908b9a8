"""Speed, measured in one run beside the loop a person would write: `python -m benchmarks`."""
