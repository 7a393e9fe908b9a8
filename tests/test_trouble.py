"""What the drivers' errors mean."""

import sqlite3

import psycopg
import pymysql
import pytest

from httpmr.errors import StoreFull, Unavailable, Uncertain
from httpmr.trouble import meaning, trouble


class Driver(sqlite3.OperationalError):
    """SQLite's error with a code of one's choice."""

    def __init__(self, code):
        self.sqlite_errorcode = code


@pytest.mark.parametrize(
    ("cause", "means"),
    [
        (Driver(sqlite3.SQLITE_BUSY), "busy"),
        (Driver(sqlite3.SQLITE_BUSY_SNAPSHOT), "busy"),
        (Driver(sqlite3.SQLITE_FULL), "full"),
        (Driver(sqlite3.SQLITE_IOERR_FSYNC), "away"),
        (Driver(sqlite3.SQLITE_CANTOPEN), "away"),
        (Driver(sqlite3.SQLITE_CORRUPT_INDEX), "away"),
        (Driver(sqlite3.SQLITE_NOTADB), "away"),
        (Driver(sqlite3.SQLITE_ERROR), None),
        (Driver(sqlite3.SQLITE_CONSTRAINT_UNIQUE), None),
        (psycopg.errors.DeadlockDetected(), "busy"),
        (psycopg.errors.SerializationFailure(), "busy"),
        (psycopg.errors.LockNotAvailable(), "busy"),
        (psycopg.errors.DiskFull(), "full"),
        (psycopg.errors.AdminShutdown(), "away"),
        (psycopg.errors.TooManyConnections(), "away"),
        (psycopg.errors.ReadOnlySqlTransaction(), "away"),
        (psycopg.errors.InvalidPassword(), "away"),
        (psycopg.OperationalError("no answer"), "away"),
        (psycopg.errors.UniqueViolation(), None),
        (psycopg.errors.UndefinedTable(), None),
        (psycopg.errors.ProgramLimitExceeded(), None),
        (psycopg.ProgrammingError("a mistake"), None),
        (pymysql.err.OperationalError(1213, "deadlock"), "busy"),
        (pymysql.err.OperationalError(1205, "lock wait timeout"), "busy"),
        (pymysql.err.OperationalError(1114, "the table is full"), "full"),
        (pymysql.err.OperationalError(1030, "Got error 28 from storage engine"), "full"),
        (pymysql.err.OperationalError(1030, "Got error 120 from storage engine"), None),
        (pymysql.err.OperationalError(2013, "lost connection"), "away"),
        (pymysql.err.OperationalError(1040, "too many connections"), "away"),
        (pymysql.err.OperationalError(1364, "no default value"), None),
        (pymysql.err.IntegrityError(1062, "duplicate"), None),
        (pymysql.err.OperationalError(), None),
        (ValueError("anything"), None),
    ],
    ids=repr,
)
def test_what_drivers_errors_mean(cause, means):
    assert trouble(cause) == means


MISTAKE, BUSY, FULL = (
    Driver(sqlite3.SQLITE_ERROR),
    Driver(sqlite3.SQLITE_BUSY),
    Driver(sqlite3.SQLITE_FULL),
)


def test_busy_may_be_tried_again_even_where_it_was_commit():
    for in_commit in (False, True):
        error = meaning(BUSY, lost=False, in_commit=in_commit)
        assert type(error) is Unavailable
        assert error.retry


def test_full_is_full_even_where_it_was_commit():
    for in_commit in (False, True):
        assert type(meaning(FULL, lost=False, in_commit=in_commit)) is StoreFull


def test_of_anything_else_in_commit_nobody_knows():
    assert type(meaning(MISTAKE, lost=False, in_commit=True)) is Uncertain
    assert type(meaning(MISTAKE, lost=True, in_commit=True)) is Uncertain
    assert meaning(MISTAKE, lost=False, in_commit=False) is None


def test_a_lost_connection_may_be_replaced_and_one_refused_is_not_asked_for_again():
    assert meaning(MISTAKE, lost=True, in_commit=False).retry
    refused = pymysql.err.OperationalError(2003, "Can't connect\nto anything")
    error = meaning(refused, lost=False, in_commit=False)
    assert not error.retry
    assert str(error) == "the database cannot be used now (Can't connect)"
