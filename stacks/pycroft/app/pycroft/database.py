"""The connection to PostgreSQL."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker

from pycroft.settings import Settings


def connect(settings: Settings) -> Engine:
    """An engine that opens connections when they are needed and replaces those that have died."""
    return create_engine(settings.db_uri, pool_pre_ping=True, connect_args={"connect_timeout": 5})


def sessions(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(engine, expire_on_commit=False)
