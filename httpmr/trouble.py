"""What the database drivers' errors mean: busy, full, away, or somebody's mistake.

Each driver has numbers of its own, and files them under exception classes that say little: a
deadlock and a missing column are both an OperationalError. So only what is known to be the
database's own trouble is called so; everything else is a mistake in what it was asked.
"""

from httpmr.errors import StoreError, StoreFull, Unavailable, Uncertain

# By SQLite's primary result code.
SQLITE = {
    **dict.fromkeys((5, 6), "busy"),  # BUSY, LOCKED
    13: "full",
    # READONLY, IOERR, CANTOPEN; CORRUPT, NOTADB: until its file is put right.
    **dict.fromkeys((8, 10, 14, 11, 26), "away"),
}

# By the number of the server's or the client's error.
MYSQL = {
    **dict.fromkeys((1020, 1205, 1213), "busy"),  # read again, lock wait timeout, deadlock
    **dict.fromkeys((1021, 1114), "full"),
    # Too many connections, no right to connect, no such database, shutting down, read-only, ended.
    **dict.fromkeys((1040, 1203, 1044, 1045, 1049, 1053, 1290, 1792, 1836, 1317, 1969), "away"),
    # The connection cannot be made, or was lost.
    **dict.fromkeys((0, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031), "away"),
}
MYSQL_ERRNO = (3, 1026, 1030)  # these only quote the operating system's number
ENOSPC = "28"

# By SQLSTATE, the longest prefix that is known.
POSTGRESQL = {
    **dict.fromkeys(("40001", "40P01", "55P03"), "busy"),  # serialization, deadlock, lock timeout
    "53100": "full",
    # The connection, the password, the database; memory and connections; read-only; a statement
    # or a transaction ended from outside; shutting down; input and output.
    **dict.fromkeys(("08", "28", "3D", "53", "25006", "25P03", "40003"), "away"),
    **dict.fromkeys(("57014", "57P", "58"), "away"),
}

# By the name of the class, or of one that it inherits from.
APPENGINE = {
    "TransactionFailedError": "busy",
    "OverQuotaError": "full",
    **dict.fromkeys(("Timeout", "InternalError", "CapabilityDisabledError"), "away"),
    **dict.fromkeys(("DeadlineExceededError", "RPCFailedError", "CancelledError"), "away"),
}


def trouble(cause: BaseException) -> str | None:
    """Say of a driver's exception "busy", "full" or "away"; None where the database is well.

    "busy": the transaction was ended for another's sake, and may well succeed at once. "full":
    there is no room. "away": it cannot be reached or used, now.
    """
    if hasattr(cause, "sqlite_errorcode"):
        return SQLITE.get(cause.sqlite_errorcode & 0xFF)
    package = type(cause).__module__.partition(".")[0]
    if package in ("pymysql", "MySQLdb") and cause.args:
        number, *text = cause.args
        if number in MYSQL_ERRNO and ENOSPC in str(text):
            return "full"
        return MYSQL.get(number)
    if package in ("psycopg", "psycopg2"):
        state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
        if state is None:  # the server did not answer: its client tells
            return "away" if type(cause).__name__ == "OperationalError" else None
        return POSTGRESQL.get(state) or POSTGRESQL.get(state[:3]) or POSTGRESQL.get(state[:2])
    if type(cause).__module__.startswith("google.appengine."):
        found = (APPENGINE.get(kind.__name__) for kind in type(cause).__mro__)
        return next(filter(None, found), None)
    return None


def meaning(cause: BaseException, *, lost: bool, in_commit: bool) -> StoreError | None:
    """Return what to raise for a driver's exception; None where the database is well.

    `lost`: the connection is gone. `in_commit`: COMMIT was sent, and unless the answer says that
    it was refused, nobody knows. `retry` is True where the same may well succeed at once.
    """
    what = trouble(cause) or ("away" if lost else None)
    said = str(cause.args[-1] if cause.args else "").strip() or type(cause).__name__
    reason = said.splitlines()[0]
    if what == "full":
        return StoreFull(f"the database has no room left ({reason}): make some, then resume")
    if what == "busy":
        return Unavailable(f"the database is busy ({reason}): try again", retry=True)
    if in_commit:
        return Uncertain(f"the database did not answer COMMIT ({reason}): read again")
    if what == "away":
        return Unavailable(f"the database cannot be used now ({reason})", retry=lost)
    return None
