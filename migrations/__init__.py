"""Alembic migrations of the ledger's database. They ship in the wheel; `ledger.schema.migrate` runs them."""
