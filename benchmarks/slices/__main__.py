"""What slices cost, how long they take, and what becomes of them.

    python -m benchmarks.slices [--only NAME] [--scale 1.0] [--rounds 1]

Each measurement prints its figures beside what they are to reach, and checks the results of its
jobs. Machines are shared and noisy: read medians, of several rounds.
"""

import argparse
import platform

from benchmarks.slices import cost, hot, killed, linear, times

TABLES = {
    "cost": cost.table,
    "linear": linear.table,
    "times": times.table,
    "killed": killed.table,
    "hot": hot.table,
}


def main():
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slices", description=__doc__)
    parser.add_argument("--only", choices=TABLES, action="append")
    parser.add_argument("--scale", type=float, default=1.0, help="how much of the load")
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for name in chosen.only or TABLES:
        for line in TABLES[name](chosen.scale, chosen.rounds):
            print(line, flush=True)


if __name__ == "__main__":
    main()
