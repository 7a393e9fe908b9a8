"""The words of a Flask application's posts, counted from one Flask-SQLAlchemy model into another.

flask --app examples/11_flask_sqlalchemy.py run --port 8000, then open http://127.0.0.1:8000/login
"""

import re

from flask import Flask, redirect, session
from flask_sqlalchemy import SQLAlchemy
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import httpmr
from httpmr import reducers, sinks, sources, stores

db = SQLAlchemy()


class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.Text, nullable=False)


class Word(db.Model):
    word = db.Column(db.String(50), primary_key=True)
    count = db.Column(db.Integer, nullable=False)


def words(key, row):
    for word in re.findall(r"\w+", row["text"].lower()):
        yield word, 1


def create_app(database="sqlite:///shop.db"):
    app = Flask(__name__)
    app.config |= {"SECRET_KEY": "your own", "SQLALCHEMY_DATABASE_URI": database}
    db.init_app(app)

    @app.get("/login")
    def login():  # yours asks for a password
        session["user"] = "ann"
        return redirect("/wordcount/")

    def staff(request):
        with app.request_context(request.environ):
            return session.get("user")

    with app.app_context():
        db.create_all()
        wordcount = httpmr.Master(
            "wordcount",
            source=sources.SQLTable(db.engine, Post.__table__, key="id"),
            mapper=words,
            reducer=reducers.Sum(),
            sink=sinks.SQLTable(db.engine, Word.__table__, key="word", value="count"),
            store=stores.SQLStore(db.engine),
            authorize=staff,
        )
        app.extensions["wordcount"] = wordcount
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/wordcount": wordcount})
    return app
