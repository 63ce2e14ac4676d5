from pycroft.directory import Entry
from pycroft.model import Resident, Room

BASE = "ou=residents,dc=example,dc=org"


def test_an_entry_holds_what_other_services_look_up() -> None:
    resident = Resident(login="ada", name="Ada King Lovelace", email="ada@example.org")
    resident.room = Room(building="Nord", number="03-12")
    entry = Entry.of(resident, BASE)
    assert entry.dn == f"uid=ada,{BASE}"
    assert entry.attributes["sn"] == [b"Lovelace"]
    assert entry.attributes["pycroftRoom"] == [b"Nord 03-12"]


def test_a_resident_without_a_room_has_no_room_in_the_directory() -> None:
    entry = Entry.of(Resident(login="ada", name="Ada", email="ada@example.org"), BASE)
    assert "pycroftRoom" not in entry.attributes
    assert entry.attributes["sn"] == [b"Ada"]


def test_names_keep_their_letters() -> None:
    entry = Entry.of(Resident(login="emmy", name="Emmy Nöther", email="emmy@example.org"), BASE)
    assert entry.attributes["cn"] == ["Emmy Nöther".encode()]
