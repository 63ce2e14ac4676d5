"""The JSON interface: residents, rooms, and the health of the backends."""

from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from kombu.exceptions import OperationalError
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from pycroft.directory import Directory, Entry
from pycroft.health import Health, as_json
from pycroft.model import Resident, Room, TaskRun
from pycroft.registration import LoginTaken, Registration, Rejected, register
from pycroft.settings import Settings
from pycroft.tasks import synchronise_resident

blueprint = Blueprint("api", __name__)


@dataclass(frozen=True)
class State:
    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    health: Health


def state() -> State:
    return cast(State, current_app.extensions["pycroft"])


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    body = as_json(state().health.check())
    return jsonify(body), 200 if body["ok"] else 503


@blueprint.post("/residents")
def create_resident() -> ResponseReturnValue:
    registration = Registration.parse(request.get_json(silent=True))
    with state().sessions() as session:
        resident = register(session, registration)
        body = resident_json(resident)
    body["task"] = queue_synchronisation(resident.login)
    response = jsonify(body)
    response.headers["Location"] = url_for("api.show_resident", login=resident.login)
    return response, 201


@blueprint.post("/residents/<login>/synchronise")
def synchronise(login: str) -> ResponseReturnValue:
    with state().sessions() as session:
        if find(session, login) is None:
            return unknown(login)
    return jsonify(task=queue_synchronisation(login)), 202


@blueprint.get("/residents")
def list_residents() -> ResponseReturnValue:
    query = select(Resident).options(selectinload(Resident.room)).order_by(Resident.login)
    with state().sessions() as session:
        return jsonify(residents=[resident_json(resident) for resident in session.scalars(query)])


@blueprint.get("/residents/<login>")
def show_resident(login: str) -> ResponseReturnValue:
    """Where the resident is known: in the database (else 404), in the directory, and what tasks have run."""
    with state().sessions() as session:
        resident = find(session, login)
        if resident is None:
            return unknown(login)
        entry = Entry.of(resident, state().settings.ldap_base_dn)
        with Directory.open(state().settings) as directory:
            present = directory.find(entry.dn)
        return jsonify(
            **resident_json(resident),
            database={"present": True, "since": resident.created_at.isoformat()},
            ldap={
                "dn": entry.dn,
                "present": present is not None,
                "attributes": {
                    name: [value.decode(errors="replace") for value in values]
                    for name, values in (present or {}).items()
                },
            },
            tasks=[run_json(run) for run in resident.runs],
        )


@blueprint.get("/rooms")
def list_rooms() -> ResponseReturnValue:
    query = select(Room).options(selectinload(Room.residents)).order_by(Room.building, Room.number)
    with state().sessions() as session:
        return jsonify(
            rooms=[
                {
                    "building": room.building,
                    "room": room.number,
                    "residents": [resident.login for resident in room.residents],
                }
                for room in session.scalars(query)
            ]
        )


@blueprint.errorhandler(Rejected)
def rejected(error: Rejected) -> ResponseReturnValue:
    return jsonify(error="rejected", reasons=error.reasons), 400


@blueprint.errorhandler(LoginTaken)
def login_taken(error: LoginTaken) -> ResponseReturnValue:
    return jsonify(error=str(error)), 409


def unknown(login: str) -> tuple[Response, int]:
    return jsonify(error=f"no resident has the login `{login}`"), 404


def find(session: Session, login: str) -> Resident | None:
    return session.scalar(select(Resident).where(Resident.login == login))


def queue_synchronisation(login: str) -> str | None:
    """The id of the queued task; None if the queue is away, which does not hurt what is stored."""
    try:
        return cast(str, synchronise_resident.apply_async((login,), ignore_result=True).id)
    except OperationalError as error:
        current_app.logger.error("%s is not synchronised: the queue is away: %s", login, error)
        return None


def resident_json(resident: Resident) -> dict[str, Any]:
    return {
        "login": resident.login,
        "name": resident.name,
        "email": resident.email,
        "building": resident.room.building if resident.room else None,
        "room": resident.room.number if resident.room else None,
    }


def run_json(run: TaskRun) -> dict[str, Any]:
    return {
        "task": run.task,
        "id": run.task_id,
        "outcome": run.outcome,
        "worker": run.worker,
        "finished": run.finished_at.isoformat(),
    }
