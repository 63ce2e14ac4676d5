"""The real backends, as the environment names them."""

import os
import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete
from sqlalchemy.orm import Session

from pycroft.directory import Directory
from pycroft.model import Resident
from pycroft.settings import Settings
from pycroft.web import create_app


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["pycroft"].engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.extensions["pycroft"].sessions() as session:
        yield session


@pytest.fixture
def directory(settings: Settings) -> Iterator[Directory]:
    with Directory.open(settings) as directory:
        yield directory


@pytest.fixture
def login(session: Session, directory: Directory) -> Iterator[str]:
    """A login that nobody has. Whoever takes it is moved out of database and directory afterwards."""
    login = f"t{uuid.uuid4().hex[:12]}"
    yield login
    session.rollback()
    session.execute(delete(Resident).where(Resident.login == login))
    session.commit()
    directory.remove(f"uid={login},{directory.base_dn}")
