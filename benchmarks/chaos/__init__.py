"""Real processes, real databases, and everything that goes wrong: `python -m benchmarks.chaos`.

    site        what is served: three kinds of jobs, and what must come of each
    homes       the databases, each time an empty one
    storm       jobs driven one after the other and compared, while something goes wrong
    workers     who of gunicorn's processes holds a lease, to be killed or stopped
    proxy       between a worker and its database, to lose connections at COMMIT
    postgres    a PostgreSQL of our own, whose processes may be killed
    hosts       servers, and requests to them one at a time

One module to a case: killed, paused, dropped, backends, full, elsewhere, changed, flipped.
"""
