"""The examples of frameworks that have logins: nobody before, the whole job after."""

import sqlite3
from contextlib import closing

import pytest
from a2wsgi import ASGIMiddleware
from test_examples import COUNTS, EXAMPLES, apart, drive, load, rows  # noqa: F401
from weblib import client

from httpmr.cli import target


def test_11_flask_sqlalchemy(tmp_path):
    [example] = [path for path in EXAMPLES if path.name.startswith("11")]
    app = target.load(f"{example}:create_app").application(f"sqlite:///{tmp_path}/shop.db")
    web = client(app)
    web.get("/wordcount/", status=403)
    web.get("/login")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        db.executemany("INSERT INTO post (text) VALUES (?)", [("der Bär",), ("Der BÄR!",)])
        db.commit()
        drive(web, "/wordcount")
        assert dict(db.execute("SELECT word, count FROM word")) == {"bär": 2, "der": 2}
    with app.app_context():  # what is left open would be a warning
        app.extensions["sqlalchemy"].engine.dispose()


@pytest.mark.parametrize("number", ["12", "13"])
def test_those_with_a_login(number):
    app, _ = load(number, ":app")
    app = ASGIMiddleware(app) if number == "13" else app
    web = client(app, REMOTE_PORT="50000")
    web.get("/wordcount/", status=403)
    assert "wordcount" in web.get("/login").follow()
    page = drive(web, "/wordcount")
    assert rows(web, page) == sorted(COUNTS.items())
