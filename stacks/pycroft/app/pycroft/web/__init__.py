"""The web application."""

import logging
import os

from flask import Flask

from pycroft import database
from pycroft.health import Health
from pycroft.settings import Settings
from pycroft.web import api, pages


def create_app(settings: Settings | None = None) -> Flask:
    """Connects nothing yet: a backend that is away is seen by the requests that need it, and by /health."""
    settings = settings or Settings.from_environment(os.environ)
    engine = database.connect(settings)
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["pycroft"] = api.State(
        settings=settings,
        engine=engine,
        sessions=database.sessions(engine),
        health=Health(settings, engine),
    )
    app.register_blueprint(api.blueprint)
    app.register_blueprint(pages.blueprint)
    # Those of the development server and of gunicorn.
    for server in ("werkzeug", "gunicorn.access"):
        logging.getLogger(server).addFilter(worth_a_line)
    return app


def worth_a_line(record: logging.LogRecord) -> bool:
    """The container's health check asks every two seconds: of its requests, only failures are logged."""
    line = record.getMessage()
    return not ("GET /health " in line and '" 200 ' in line)
