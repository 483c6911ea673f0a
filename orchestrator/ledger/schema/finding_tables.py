"""The tables of comparisons: what was found, and when the next one is due."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, Text, text

from orchestrator.ledger.schema.columns import instant, metadata

findings = Table(
    "findings",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("about", Text, primary_key=True),
    Column("run_id", Text),
    Column("code", Text, nullable=False),
    instant("since"),
    instant("seen_at"),
    instant("reported_at", nullable=True),
    instant("closed_at", nullable=True),
    schema="engine",
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("one_row", Boolean, primary_key=True, server_default=text("true")),
    instant("due_at"),
    instant("finished_at", nullable=True),
    Column("compared_to", Text, nullable=False, server_default=text("''")),
    Column("read_to", Text, nullable=False, server_default=text("''")),
    schema="engine",
)
