import socket
import time
from collections.abc import Iterator

import ldap
import pytest

from pycroft.health import as_json, examine
from pycroft.settings import Settings
from pycroft.web import create_app


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody else listens there, and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_an_error_is_reported_by_its_first_line() -> None:
    def probe() -> str:
        raise OSError("no route to host\nand much more")

    report = examine(probe)
    assert not report.ok
    assert report.detail == "no route to host"


def test_an_error_of_the_directory_is_reported_in_words() -> None:
    def probe() -> str:
        raise ldap.SERVER_DOWN({"result": -1, "desc": "Can't contact LDAP server", "ctrls": []})

    assert examine(probe).detail == "Can't contact LDAP server"


def test_one_failure_is_a_failure() -> None:
    reports = {"db": examine(lambda: "fine"), "mq": examine(lambda: str(1 // 0))}
    body = as_json(reports)
    assert body["ok"] is False
    assert body["backends"]["db"]["ok"] is True  # type: ignore[index]


def test_without_backends_the_application_says_so(closed_port: int) -> None:
    settings = Settings(
        db_uri=f"postgresql+psycopg://nobody@127.0.0.1:{closed_port}/nothing",
        ldap_uri=f"ldap://127.0.0.1:{closed_port}",
        ldap_bind_dn="cn=admin",
        ldap_bind_password="password",
        ldap_base_dn="ou=residents",
        broker_uri=f"amqp://127.0.0.1:{closed_port}//",
    )
    client = create_app(settings).test_client()
    start = time.monotonic()
    response = client.get("/health")
    assert response.status_code == 503
    assert {name: report["ok"] for name, report in response.json["backends"].items()} == {
        "db": False,
        "ldap": False,
        "mq": False,
    }
    assert time.monotonic() - start < 10
    page = client.get("/")
    assert page.status_code == 200
    assert "The database is away." in page.text
