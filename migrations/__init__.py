"""Alembic migrations of the ledger's database. They ship in the wheel; `orchestrator.ledger.migrate` runs them."""
