"""The web site under load: a Site's Master, and beside it a page of the application's own.

The page lists some rows of a table in the store's database, as pages do.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from flask import Flask, render_template_string
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from benchmarks.slices.site import GIVEN, Host, Site

ROWS = 100
PAGE = """<!doctype html><title>Shop</title><table>
{% for row in rows %}<tr><td>{{ row.id }}<td>{{ row.name }}<td>{{ row.price }}{% endfor %}
</table>"""


def _goods(site: Site) -> tuple[str, sqlalchemy.Table]:
    """Return the database's URL and the table of the goods."""
    table = sqlalchemy.Table(
        f"{site.table}_goods",
        sqlalchemy.MetaData(),
        sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
        sqlalchemy.Column("name", sqlalchemy.String(40), nullable=False),
        sqlalchemy.Column("price", sqlalchemy.Integer, nullable=False),
    )
    return site.store or f"sqlite:///{site.folder}/jobs.db", table


@contextmanager
def goods(site: Site) -> Iterator[None]:
    """Have the table of the goods there, for the length of a `with` block."""
    url, table = _goods(site)
    engine = sqlalchemy.create_engine(url)
    # From 1: MariaDB takes an id of 0 for none given.
    numbers = range(1, ROWS + 1)
    rows = [{"id": n, "name": f"a thing, the {n}th", "price": 7 * n} for n in numbers]
    try:
        with engine.begin() as connection:
            table.create(connection)
            connection.execute(table.insert(), rows)
        yield
    finally:
        table.drop(engine, checkfirst=True)
        engine.dispose()


def shop(site: Site) -> Flask:
    """Return the application that has the page."""
    url, table = _goods(site)
    engine = sqlalchemy.create_engine(url)
    statement = table.select().order_by(table.c.name)
    app = Flask(__name__)

    @app.get("/")
    def page():
        with engine.connect() as connection:
            rows = connection.execute(statement).all()
        return render_template_string(PAGE, rows=rows)

    return app


if GIVEN in os.environ:
    given = Site(**json.loads(os.environ[GIVEN]))
    application = DispatcherMiddleware(Host(given), {"/shop": shop(given)})
