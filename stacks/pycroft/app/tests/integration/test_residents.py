import time
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pycroft.directory import Directory
from pycroft.model import Resident, Room
from pycroft.tasks import synchronise_resident


def eventually(get: Callable[[], Any], timeout: float = 20) -> Any:
    """What `get` returns as soon as that is true; fails if it does not come to be in time."""
    end = time.monotonic() + timeout
    while not (result := get()):
        assert time.monotonic() < end, f"not within {timeout} s"
        time.sleep(0.05)
    return result


def form(login: str, **more: str) -> dict[str, str]:
    return {"login": login, "name": "Ada Lovelace", "email": f"{login}@example.org", **more}


def test_who_moves_in_is_in_database_and_directory_and_a_task_has_run(
    client: FlaskClient, session: Session, directory: Directory, login: str
) -> None:
    response = client.post("/residents", json=form(login, building="Nord", room="03-12"))
    assert response.status_code == 201
    assert response.headers["Location"] == f"/residents/{login}"
    task = response.json["task"]

    resident = session.scalars(select(Resident).where(Resident.login == login)).one()
    assert str(resident.room) == "Nord 03-12"

    shown = eventually(lambda: (body := client.get(f"/residents/{login}").json)["tasks"] and body)
    assert shown["database"]["present"] is True
    assert shown["ldap"]["present"] is True
    assert [(run["id"], run["outcome"]) for run in shown["tasks"]] == [(task, "added")]

    entry = directory.find(f"uid={login},{directory.base_dn}")
    assert entry is not None
    assert entry["mail"] == [f"{login}@example.org".encode()]
    assert entry["pycroftRoom"] == [b"Nord 03-12"]


def test_synchronising_again_changes_only_what_differs(
    client: FlaskClient, session: Session, directory: Directory, login: str
) -> None:
    client.post("/residents", json=form(login))
    dn = f"uid={login},{directory.base_dn}"
    eventually(lambda: client.get(f"/residents/{login}").json["tasks"])
    assert synchronise_resident.delay(login).get(timeout=20) == "unchanged"

    resident = session.scalars(select(Resident).where(Resident.login == login)).one()
    resident.name = "Ada King"
    session.commit()
    assert synchronise_resident.delay(login).get(timeout=20) == "changed"
    entry = directory.find(dn)
    assert entry is not None
    assert entry["cn"] == [b"Ada King"]

    directory.remove(dn)
    assert client.post(f"/residents/{login}/synchronise").status_code == 202
    assert eventually(lambda: directory.find(dn))


def test_the_entry_of_somebody_unknown_is_removed(directory: Directory, login: str) -> None:
    assert synchronise_resident.delay(login).get(timeout=20) == "absent"


def test_a_login_is_given_once(client: FlaskClient, login: str) -> None:
    assert client.post("/residents", json=form(login)).status_code == 201
    response = client.post("/residents", json=form(login, name="Somebody Else"))
    assert response.status_code == 409
    assert login in response.json["error"]


def test_residents_share_a_room(client: FlaskClient, session: Session, login: str) -> None:
    building = f"Building {login}"
    assert client.post("/residents", json=form(login, building=building, room="1")).status_code == 201
    count = select(func.count()).select_from(Room).where(Room.building == building)
    assert session.scalar(count) == 1
    rooms = [room for room in client.get("/rooms").json["rooms"] if room["building"] == building]
    assert rooms == [{"building": building, "room": "1", "residents": [login]}]


def test_a_request_that_breaks_rules_stores_nothing(
    client: FlaskClient, session: Session, login: str
) -> None:
    response = client.post("/residents", json=form(login) | {"email": "nowhere"})
    assert response.status_code == 400
    assert set(response.json["reasons"]) == {"email"}
    assert session.scalar(select(Resident).where(Resident.login == login)) is None


def test_nobody_is_a_404(client: FlaskClient, login: str) -> None:
    assert client.get(f"/residents/{login}").status_code == 404
    assert client.post(f"/residents/{login}/synchronise").status_code == 404


def test_residents_are_listed_and_shown_on_the_page(client: FlaskClient, login: str) -> None:
    client.post("/residents", json=form(login))
    assert login in [resident["login"] for resident in client.get("/residents").json["residents"]]
    assert f"/residents/{login}" in client.get("/").text
