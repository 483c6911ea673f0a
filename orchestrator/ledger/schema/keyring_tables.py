"""The keyring: persons' wrapped keys, and the tags by which persons and their runs are found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from orchestrator.ledger.schema.columns import instant as _instant
from orchestrator.ledger.schema.columns import metadata

person_keys = Table(
    "person_keys",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("wrapped", LargeBinary),
    _instant("created_at"),
    _instant("erased_at", nullable=True),
    schema="keyring",
)

lookups = Table(
    "lookups",
    metadata,
    Column("tag", LargeBinary, primary_key=True),
    Column("person_id", Text, nullable=False),
    schema="keyring",
)
Index("lookups_of_person", lookups.c.person_id)

search_tags = Table(  # kept by `ledger.persons.search_tags`; a trigger on `person_keys` deletes an erased person's
    "search_tags",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("tags", ARRAY(BigInteger), nullable=False),
    schema="keyring",
)
Index("search_tags_of_person", search_tags.c.person_id)
Index("search_tags_by_tag", search_tags.c.tags, postgresql_using="gin")
