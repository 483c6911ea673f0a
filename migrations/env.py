"""Alembic's entry: migrates the connection that `ledger.schema.migrate.upgrade` hands over, and nothing else."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from orchestrator.ledger.schema.all_tables import metadata


def run() -> None:
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise RuntimeError(
            "migrations: no connection was handed over. Run them with `offboard ledger migrate` "
            "or orchestrator.ledger.schema.migrate.upgrade(url)"
        )
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS engine"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table="migrations",
        version_table_schema="engine",
        include_schemas=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        # Waiting for a table lock makes everyone else wait behind us: rather fail soon and be run again.
        context.execute("SET lock_timeout = '5s'")
        context.run_migrations()


run()
