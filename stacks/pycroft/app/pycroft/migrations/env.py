"""How Alembic reaches the database: by the application's own settings."""

import logging
import os

from alembic import context
from sqlalchemy import text

from pycroft import database
from pycroft.model import Base
from pycroft.settings import Settings

# Any number that nobody else uses: it names the lock that two migrations at once must not both hold.
LOCK = 7_924_765

logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
logging.getLogger("alembic").setLevel(logging.INFO)

settings = Settings.from_environment(os.environ)
if context.is_offline_mode():
    context.configure(url=settings.db_uri, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = database.connect(settings)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            context.run_migrations()
    engine.dispose()
