"""What the environment says about where the backends are."""

from collections.abc import Mapping
from dataclasses import dataclass


class MissingSettings(Exception):
    """Some variables are not set; the message names all of them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"not set in the environment: {', '.join(names)}")
        self.names = names


@dataclass(frozen=True)
class Settings:
    db_uri: str
    ldap_uri: str
    ldap_bind_dn: str
    ldap_bind_password: str
    ldap_base_dn: str
    broker_uri: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        names = {field: f"PYCROFT_{field.upper()}" for field in cls.__dataclass_fields__}
        missing = [name for name in names.values() if not environment.get(name)]
        if missing:
            raise MissingSettings(missing)
        return cls(**{field: environment[name] for field, name in names.items()})
