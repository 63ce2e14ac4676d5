import pytest

from pycroft.settings import MissingSettings, Settings

COMPLETE = {
    "PYCROFT_DB_URI": "postgresql+psycopg://pycroft@db/pycroft",
    "PYCROFT_LDAP_URI": "ldap://ldap",
    "PYCROFT_LDAP_BIND_DN": "cn=admin,dc=example,dc=org",
    "PYCROFT_LDAP_BIND_PASSWORD": "password",
    "PYCROFT_LDAP_BASE_DN": "ou=residents,dc=example,dc=org",
    "PYCROFT_BROKER_URI": "amqp://mq",
}


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment(COMPLETE | {"HOME": "/opt/pycroft"})
    assert settings.ldap_uri == "ldap://ldap"
    assert settings.broker_uri == "amqp://mq"


def test_all_missing_variables_are_named() -> None:
    environment = COMPLETE | {"PYCROFT_BROKER_URI": ""}
    del environment["PYCROFT_DB_URI"]
    with pytest.raises(MissingSettings) as missing:
        Settings.from_environment(environment)
    assert missing.value.names == ["PYCROFT_DB_URI", "PYCROFT_BROKER_URI"]
