"""The tables of all modules, for what migrates or compares the whole schema."""

from __future__ import annotations

from orchestrator.ledger.schema import finding_tables, inquiry_tables, keyring_tables, relay_tables, tables
from orchestrator.ledger.schema.columns import metadata as metadata

MODULES = (tables, inquiry_tables, keyring_tables, finding_tables, relay_tables)
"""`metadata` has their tables once they are imported. A new module of tables is added here."""
