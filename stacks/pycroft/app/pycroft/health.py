"""Whether each backend does its work, found out by asking it to."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

import kombu
import ldap
from sqlalchemy import Engine, text

from pycroft.directory import Directory
from pycroft.settings import Settings


@dataclass(frozen=True)
class Report:
    ok: bool
    #: What the backend said, or what went wrong.
    detail: str
    milliseconds: float


class Health:
    """Asks the database, the directory and the queue, all three at once."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.engine = engine
        self.probes: dict[str, Callable[[], str]] = {"db": self.db, "ldap": self.ldap, "mq": self.mq}

    def check(self) -> dict[str, Report]:
        with ThreadPoolExecutor(len(self.probes)) as pool:
            return dict(zip(self.probes, pool.map(examine, self.probes.values()), strict=True))

    def db(self) -> str:
        with self.engine.connect() as connection:
            version = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return f"schema {version}"

    def ldap(self) -> str:
        with Directory.open(self.settings, timeout=3) as directory:
            return directory.connection.whoami_s()

    def mq(self) -> str:
        # Of the transport, because a `Connection` tries again after two seconds.
        transport = kombu.Connection(self.settings.broker_uri, connect_timeout=3).transport
        connection = transport.establish_connection()
        properties = connection.server_properties
        transport.close_connection(connection)
        return f"{properties.get('product')} {properties.get('version')}"


def examine(probe: Callable[[], str]) -> Report:
    start = time.monotonic()
    try:
        ok, detail = True, probe()
    except ldap.LDAPError as error:
        ok, detail = False, str(error.args[0].get("desc", error)) if error.args else type(error).__name__
    except Exception as error:
        # Whatever it was, the page that reports it must come up. The first line says what happened.
        ok, detail = False, (str(error).splitlines() or [""])[0] or type(error).__name__
    return Report(ok, detail, round((time.monotonic() - start) * 1000, 1))


def as_json(reports: dict[str, Report]) -> dict[str, object]:
    return {
        "ok": all(report.ok for report in reports.values()),
        "backends": {name: asdict(report) for name, report in reports.items()},
    }
