"""Columns that many tables have, and the metadata that all tables are registered with."""

from __future__ import annotations

from sqlalchemy import Column, MetaData, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

metadata = MetaData()


def instant(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, TIMESTAMP(timezone=True), nullable=nullable)


def json_column(name: str, empty: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text(f"'{empty}'::jsonb"))
