"""Requests of pages to workers, and the last reports of workers. Not history: a lost row is requested again."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, Text, text

from orchestrator.ledger.schema.columns import instant, metadata

inquiries = Table(
    "inquiries",
    metadata,
    Column("inquiry_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("question", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    Column("state", Text, nullable=False),
    instant("asked_at"),
    instant("answered_at", nullable=True),
    instant("expires_at"),
    schema="engine",
)
Index("inquiries_by_expiry", inquiries.c.expires_at)

system_reports = Table(
    "system_reports",
    metadata,
    Column("packet", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("reachable", Boolean),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    instant("checked_at"),
    instant("answered_at", nullable=True),
    schema="engine",
)

system_uses = Table(
    "system_uses",
    metadata,
    Column("packet", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    instant("answered_at", nullable=True),
    instant("failed_at", nullable=True),
    instant("failing_since", nullable=True),
    Column("code", Text, nullable=False),
    schema="engine",
)

system_tests = Table(
    "system_tests",
    metadata,
    Column("packet", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("inquiry_id", Text, nullable=False),
    Column("tested_by", Text, nullable=False),
    instant("started_at"),
    instant("finished_at", nullable=True),
    Column("result", Text, nullable=False),
    schema="engine",
)

hr_feeds = Table(
    "hr_feeds",
    metadata,
    Column("packet", Text, primary_key=True),
    Column("system", Text, nullable=False),
    instant("since", nullable=True),
    instant("due_at"),
    instant("checked_at", nullable=True),
    instant("read_at", nullable=True),
    Column("version", Text, nullable=False, server_default=text("''")),
    Column("code", Text, nullable=False, server_default=text("''")),
    # No longer used: what a system says can name a person. The version before this one writes here.
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("report", LargeBinary),
    Column("asks", Text, nullable=False, server_default=text("''")),
    instant("asked_at", nullable=True),
    Column("problem", LargeBinary),
    schema="engine",
)

verifications = Table(
    "verifications",
    metadata,
    Column("verification_id", Text, primary_key=True),
    instant("verified_at"),
    Column("ok", Boolean, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("streams", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("position", BigInteger),
    Column("place", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    schema="engine",
)
Index("verifications_by_time", verifications.c.verified_at)
