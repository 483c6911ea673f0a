"""Brings a database to the newest schema, from wherever the program is installed."""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

import migrations
from orchestrator.ledger.schema.database import Database

_ONE_AT_A_TIME = 0x0FFB0A2D
"""Key of the advisory lock that migrating processes queue on."""
_ALEMBIC = threading.Lock()
"""Alembic keeps its context in module globals: one migration at a time in a process, whatever the database."""


def upgrade(url: str, revision: str = "head") -> None:
    """Runs every migration that the database has not seen. Safe to call from several processes at once, and again.

    `url` must log in as the owner of the database (or a superuser): the application's own role may not. This blocks;
    call it in a thread from async code. Raises `LedgerUnavailable` when the database cannot be reached.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with Database(url).errors(), _ALEMBIC, engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME})
        connection.commit()
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
        finally:
            # The session ends with this block and takes the lock along, whatever state the connection is in.
            connection.invalidate()
