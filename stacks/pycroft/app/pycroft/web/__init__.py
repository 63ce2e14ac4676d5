"""The web application."""

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
    return app
