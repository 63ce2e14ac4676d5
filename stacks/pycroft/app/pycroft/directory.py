"""The LDAP directory: one entry for each resident, which other services of the house look up."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import ldap
import ldap.dn
import ldap.modlist

from pycroft.model import Resident
from pycroft.settings import Settings

Attributes = dict[str, list[bytes]]


@dataclass(frozen=True)
class Entry:
    dn: str
    attributes: Attributes

    @classmethod
    def of(cls, resident: Resident, base_dn: str) -> "Entry":
        """The entry that a resident should have."""
        surname = resident.name.rsplit(maxsplit=1)[-1]
        attributes = {
            "objectClass": ["top", "person", "organizationalPerson", "inetOrgPerson", "pycroftResident"],
            "uid": [resident.login],
            "cn": [resident.name],
            "sn": [surname],
            "mail": [resident.email],
        }
        if resident.room is not None:
            attributes["pycroftRoom"] = [str(resident.room)]
        return cls(
            dn=f"uid={ldap.dn.escape_dn_chars(resident.login)},{base_dn}",
            attributes={name: [value.encode() for value in values] for name, values in attributes.items()},
        )


class Directory:
    """An open connection, bound as the entry that may write."""

    def __init__(self, connection: "ldap.ldapobject.LDAPObject", base_dn: str) -> None:
        self.connection = connection
        self.base_dn = base_dn

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, timeout: float = 5) -> Iterator["Directory"]:
        connection = ldap.initialize(settings.ldap_uri)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, timeout)
        connection.set_option(ldap.OPT_TIMEOUT, timeout)
        try:
            connection.simple_bind_s(settings.ldap_bind_dn, settings.ldap_bind_password)
            yield cls(connection, settings.ldap_base_dn)
        finally:
            connection.unbind_s()

    def find(self, dn: str) -> Attributes | None:
        try:
            found = self.connection.search_s(dn, ldap.SCOPE_BASE)
        except ldap.NO_SUCH_OBJECT:
            return None
        return found[0][1]

    def synchronise(self, entry: Entry) -> str:
        """Makes the directory hold this entry. Says what that took: `added`, `changed` or `unchanged`."""
        present = self.find(entry.dn)
        if present is None:
            self._ensure_base()
            try:
                self.connection.add_s(entry.dn, ldap.modlist.addModlist(entry.attributes))
                return "added"
            except ldap.ALREADY_EXISTS:
                present = self.find(entry.dn) or {}
        changes = ldap.modlist.modifyModlist(present, entry.attributes)
        if not changes:
            return "unchanged"
        self.connection.modify_s(entry.dn, changes)
        return "changed"

    def remove(self, dn: str) -> str:
        try:
            self.connection.delete_s(dn)
        except ldap.NO_SUCH_OBJECT:
            return "absent"
        return "removed"

    def _ensure_base(self) -> None:
        """Adds the organizational unit that the entries lie in, if the directory is new."""
        attribute, value, _ = ldap.dn.str2dn(self.base_dn)[0][0]
        if attribute.lower() != "ou" or self.find(self.base_dn) is not None:
            return
        unit = {"objectClass": [b"top", b"organizationalUnit"], "ou": [value.encode()]}
        with suppress(ldap.ALREADY_EXISTS):
            self.connection.add_s(self.base_dn, ldap.modlist.addModlist(unit))
