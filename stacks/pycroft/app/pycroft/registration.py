"""Taking in a resident: what is asked for, what is accepted, and what is stored."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from pycroft.model import Resident, Room

LOGIN = re.compile(r"[a-z][a-z0-9_.-]{1,30}[a-z0-9]")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class Rejected(Exception):
    """The request breaks rules; `reasons` has one sentence for each field."""

    def __init__(self, reasons: dict[str, str]) -> None:
        super().__init__("; ".join(f"{field}: {reason}" for field, reason in reasons.items()))
        self.reasons = reasons


class LoginTaken(Exception):
    def __init__(self, login: str) -> None:
        super().__init__(f"the login `{login}` is taken")


@dataclass(frozen=True)
class Registration:
    login: str
    name: str
    email: str
    building: str | None = None
    room: str | None = None

    @classmethod
    def parse(cls, form: Any) -> "Registration":
        """Reads a decoded JSON object. Raises `Rejected` with everything that is wrong with it."""
        if not isinstance(form, dict):
            raise Rejected({"body": "must be a JSON object with `login`, `name` and `email`"})
        reasons: dict[str, str] = {}
        fields = cls.__dataclass_fields__
        for unknown in sorted(set(form) - set(fields)):
            reasons[unknown] = f"is not known; known are {', '.join(fields)}"
        values: dict[str, str | None] = {}
        for field, limit in (("login", 32), ("name", 128), ("email", 256), ("building", 64), ("room", 16)):
            value = form.get(field)
            if value is None or value == "":
                values[field] = None
            elif not isinstance(value, str):
                reasons[field] = "must be a text"
            elif len(value.strip()) > limit:
                reasons[field] = f"has more than {limit} characters"
            else:
                values[field] = value.strip() or None
        for field in ("login", "name", "email"):
            if field not in reasons and values[field] is None:
                reasons[field] = "is missing"
        if "login" not in reasons and not LOGIN.fullmatch(values["login"] or ""):
            reasons["login"] = (
                "must be 3 to 32 of a-z, 0-9, `_`, `.`, `-`, with a letter first and a letter or digit last"
            )
        if "email" not in reasons and not EMAIL.fullmatch(values["email"] or ""):
            reasons["email"] = "must be an address, as ada@example.org"
        room_given = values.get("room") is not None or "room" in reasons
        building_given = values.get("building") is not None or "building" in reasons
        if room_given != building_given:
            reasons["room" if building_given else "building"] = (
                "is missing: a room is a building and a number"
            )
        if reasons:
            raise Rejected(reasons)
        return cls(**values)  # type: ignore[arg-type]


def register(session: Session, registration: Registration) -> Resident:
    """Stores the resident and, if it is new, the room. Raises `LoginTaken`."""
    room = None
    if registration.building is not None and registration.room is not None:
        room = find_or_add_room(session, registration.building, registration.room)
    resident = Resident(login=registration.login, name=registration.name, email=registration.email, room=room)
    session.add(resident)
    try:
        session.commit()
    except IntegrityError as error:
        session.rollback()
        raise LoginTaken(registration.login) from error
    return resident


def find_or_add_room(session: Session, building: str, number: str) -> Room:
    query = select(Room).where(Room.building == building, Room.number == number)
    if room := session.scalar(query):
        return room
    try:
        with session.begin_nested():
            room = Room(building=building, number=number)
            session.add(room)
        return room
    except IntegrityError:
        # Somebody else has added it in this moment.
        return session.scalars(query).one()
