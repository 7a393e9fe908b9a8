"""PySpark's daemon, but for one thing: what its workers took counts as its own.

It has the kernel bury them, and their processor time is lost with them. Here they stay until
it ends, and are whoever's it was.
"""

from signal import SIGURG

from pyspark import daemon

daemon.SIGCHLD = SIGURG  # nobody sends it: the real one keeps its default

if __name__ == "__main__":
    daemon.manager()
