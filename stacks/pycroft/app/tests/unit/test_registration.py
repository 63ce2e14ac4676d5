import pytest

from pycroft.registration import Registration, Rejected

ADA = {"login": "ada", "name": "Ada Lovelace", "email": "ada@example.org"}


def test_a_room_is_optional() -> None:
    assert Registration.parse(ADA) == Registration("ada", "Ada Lovelace", "ada@example.org")


def test_blanks_around_values_are_dropped_and_empty_ones_do_not_count() -> None:
    form = ADA | {"name": "  Ada Lovelace ", "building": "", "room": ""}
    assert Registration.parse(form) == Registration("ada", "Ada Lovelace", "ada@example.org")


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(Rejected) as rejection:
        Registration.parse({"login": "A", "email": "nowhere", "room": "1", "shoe": 43})
    assert set(rejection.value.reasons) == {"login", "name", "email", "building", "shoe"}


@pytest.mark.parametrize(
    "login", ["ab", "1ada", "Ada", "ada-", "ada lovelace", "a" * 33, "ada)(uid=*", "ada\nx"]
)
def test_refused_logins(login: str) -> None:
    with pytest.raises(Rejected) as rejection:
        Registration.parse(ADA | {"login": login})
    assert set(rejection.value.reasons) == {"login"}


@pytest.mark.parametrize("login", ["ada", "a" * 32, "ada.lovelace", "ada_1815", "a-b"])
def test_accepted_logins(login: str) -> None:
    assert Registration.parse(ADA | {"login": login}).login == login


@pytest.mark.parametrize("body", [None, [], "ada", 7])
def test_the_body_must_be_an_object(body: object) -> None:
    with pytest.raises(Rejected, match="JSON object"):
        Registration.parse(body)


@pytest.mark.parametrize(("field", "value"), [("name", 7), ("email", ["a@b.c"]), ("room", {})])
def test_values_are_texts(field: str, value: object) -> None:
    with pytest.raises(Rejected) as rejection:
        Registration.parse(ADA | {"building": "Nord", "room": "1"} | {field: value})
    assert rejection.value.reasons == {field: "must be a text"}
