"""What slices cost, how long they take, and what becomes of them: `python -m benchmarks.slices`."""
