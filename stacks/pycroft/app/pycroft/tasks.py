"""The work that is done apart from a request: keeping the directory in step with the database."""

import os
from functools import cache
from pathlib import Path

import ldap
from celery import Celery, Task, signals
from celery.utils.log import get_task_logger
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from pycroft import database
from pycroft.directory import Directory, Entry
from pycroft.model import Resident, TaskRun
from pycroft.settings import Settings

HEARTBEAT = Path("/tmp/pycroft-worker.beat")

log = get_task_logger(__name__)
queue = Celery("pycroft")
queue.conf.update(
    # Read when the first connection is made, so that importing this module needs no environment.
    broker_url=os.environ.get("PYCROFT_BROKER_URI"),
    result_backend="rpc://",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=5,
    # A request does not wait long for a broker that is away.
    task_publish_retry_policy={"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2},
)


@cache
def settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def session_factory() -> sessionmaker[Session]:
    return database.sessions(database.connect(settings()))


@signals.heartbeat_sent.connect
@signals.worker_ready.connect
def note_heartbeat(**_: object) -> None:
    """What the health check of the worker's container looks at: see the `worker-ok` of the image."""
    HEARTBEAT.touch()


@signals.worker_shutdown.connect
def forget_heartbeat(**_: object) -> None:
    HEARTBEAT.unlink(missing_ok=True)


@signals.worker_process_init.connect
def leave_parents_connections(**_: object) -> None:
    """A forked process must not share a connection with the one that it came from."""
    session_factory.cache_clear()


@queue.task(
    bind=True,
    name="pycroft.synchronise_resident",
    autoretry_for=(ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.UNAVAILABLE),
    retry_backoff=True,
    max_retries=8,
)
def synchronise_resident(self: Task, login: str) -> str:
    """Brings one resident's directory entry up to date and records that it was done."""
    with session_factory()() as session:
        resident = session.scalar(select(Resident).where(Resident.login == login))
        with Directory.open(settings()) as directory:
            if resident is None:
                return directory.remove(f"uid={login},{directory.base_dn}")
            outcome = directory.synchronise(Entry.of(resident, directory.base_dn))
        session.add(
            TaskRun(
                resident=resident,
                task=self.name,
                task_id=self.request.id,
                worker=self.request.hostname,
                outcome=outcome,
            )
        )
        session.commit()
    log.info("%s: directory entry %s", login, outcome)
    return outcome
