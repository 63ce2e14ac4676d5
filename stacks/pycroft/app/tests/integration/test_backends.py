import dataclasses

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from flask.testing import FlaskClient

from pycroft.model import Base
from pycroft.settings import Settings
from pycroft.web import create_app


def test_every_backend_is_healthy(client: FlaskClient) -> None:
    response = client.get("/health")
    assert response.json["ok"] is True, response.json
    assert response.status_code == 200
    assert set(response.json["backends"]) == {"db", "ldap", "mq"}


def test_the_migrations_make_the_schema_that_the_model_describes(app: Flask) -> None:
    with app.extensions["pycroft"].engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


@pytest.mark.parametrize(
    ("backend", "change"),
    [
        ("db", {"db_uri": "postgresql+psycopg://nobody:wrong@127.0.0.1:5432/pycroft"}),
        ("ldap", {"ldap_bind_password": "wrong"}),
        ("mq", {"broker_uri": "amqp://nobody:wrong@127.0.0.1:5672//"}),
    ],
)
def test_a_backend_that_refuses_is_the_one_that_is_reported(
    settings: Settings, backend: str, change: dict[str, str]
) -> None:
    client = create_app(dataclasses.replace(settings, **change)).test_client()
    response = client.get("/health")
    assert response.status_code == 503
    assert [name for name, report in response.json["backends"].items() if not report["ok"]] == [backend]
