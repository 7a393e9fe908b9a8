"""The site's own connections, as the plug-ins for Django use them: the rooms named `django.py`.

    connection(alias)       the connection that the site's code has in this thread
    writing(alias)          the same in a transaction, committed when the `with` block ends
    translated(connection)  the database's errors as httpmr's own
    said(error)             what a database says of an error, in one line

Django opens, checks and closes them, by `DATABASES`; whatever it can connect to will do. So the
site's tests, whose databases have other names, need nothing either.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connections, transaction
from django.db.backends.signals import connection_created
from django.utils.connection import ConnectionDoesNotExist

from httpmr.errors import RecipeError
from httpmr.trouble import meaning

WAIT, IDLE = "5s", "60s"
"""How long PostgreSQL lets a commit wait for a lock, and a transaction for its process."""

_imported_in = os.getpid()
_inherited: list[Any] = []


def connection(alias: str) -> Any:
    """Return the connection of an alias of `DATABASES`; it may not be open yet.

    One that a parent process opened is not used, and not closed, for it is the parent's.
    """
    try:
        for known in connections.all(initialized_only=True):
            if known.connection is not None and _opened_in(known) != os.getpid():
                _leave_to_parent(known)
        return connections[alias]
    except ImproperlyConfigured as error:
        raise RecipeError(
            f"Django has no settings for {alias!r} ({error}): set DJANGO_SETTINGS_MODULE"
        ) from None
    except ConnectionDoesNotExist:
        names = ", ".join(connections)
        raise RecipeError(f"DATABASES has no {alias!r}: it has {names}") from None


def _note(sender: Any, connection: Any, **_: Any) -> None:
    connection.httpmr_opened_in = os.getpid()


connection_created.connect(_note, dispatch_uid="httpmr")


def _opened_in(known: Any) -> int:
    return getattr(known, "httpmr_opened_in", _imported_in)


def _leave_to_parent(known: Any) -> None:
    if known.vendor == "sqlite" and known.is_in_memory_db():
        return  # it was copied, with all that is in it
    _inherited.append(known.connection)
    known.connection = None
    pools = getattr(known, "_connection_pools", {})  # of PostgreSQL, if the site has them
    _inherited.extend(pools.values())
    pools.clear()


@contextmanager
def writing(alias: str) -> Iterator[Any]:
    """Yield a connection in a transaction that is committed at the end, rolled back on any error.

    Raises Unavailable or StoreFull (nothing happened), or Uncertain where COMMIT was not answered;
    RecipeError within a transaction of the site's, for its end would be the commit.
    """
    own = connection(alias)
    commits = False
    with translated(own):
        own.ensure_connection()
    with translated(own, lambda: commits), ExitStack() as stack:
        nested = own.in_atomic_block  # as in django.test.TestCase
        if not nested and not own.get_autocommit():
            raise RecipeError(
                f"DATABASES[{alias!r}] has AUTOCOMMIT off: httpmr cannot commit there"
            )
        try:
            stack.enter_context(transaction.atomic(using=alias, durable=True))
        except RuntimeError:
            raise RecipeError(
                "httpmr commits each slice, and cannot within a transaction of yours: mount it by "
                "httpmr.contrib.django.urls, or decorate your view with "
                "transaction.non_atomic_requests, and start jobs outside of atomic()"
            ) from None
        if own.vendor == "postgresql":
            _set_postgresql(own, nested)
        yield own
        own.validate_no_broken_transaction()  # or the block's end would roll back in silence
        commits = True


def _set_postgresql(own: Any, nested: bool) -> None:
    with own.cursor() as cursor:
        if not nested:
            # Under a stricter level a row would be read as it was before it was locked.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        waits = ("lock_timeout", WAIT), ("idle_in_transaction_session_timeout", IDLE)
        each = ", ".join(f"set_config('{name}', '{time}', true)" for name, time in waits)
        cursor.execute(f"SELECT {each}")


@contextmanager
def translated(own: Any, in_commit: Any = lambda: False) -> Iterator[None]:
    """Raise the errors of the database that are nobody's fault as Unavailable or StoreFull.

    Others come through as they are. A connection that is lost is closed, and the next use of it
    connects anew.
    """
    before = own.connection
    try:
        yield
    except Error as error:
        lost = before is not None and _is_lost(own, before)
        found = meaning(error.__cause__ or error, lost=lost, in_commit=in_commit())
        if found is None:
            raise
        raise found from error


def _is_lost(own: Any, before: Any) -> bool:
    """Tell whether a connection was lost, and close it then."""
    if own.in_atomic_block:
        return False  # whoever began the transaction will see to it
    if own.connection is not before:
        return True  # Django has closed it, and perhaps made another
    if not own.errors_occurred or own.is_usable():
        return False
    own.close()
    return True


def said(error: BaseException) -> str:
    """Return what is said of an error, in one line; the driver's own words, if it has some."""
    cause = error.__cause__ or error
    words = str(cause.args[-1] if cause.args else cause).strip() or type(cause).__name__
    return words.splitlines()[0]
