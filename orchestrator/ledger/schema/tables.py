"""The tables as SQLAlchemy Core sees them. The migrations make them; a test holds the two together.

| schema | what | who may change it |
|---|---|---|
| `ledger` | the events and the head row | only appended to |
| `read` | what pages and lists show, changed in the same transaction as the events | made again by a rebuild |
| `engine` | cursors, reports of workflows, settings | not history: may be lost |
| `access` | sessions, tokens, answers given already | not history: users without them sign in again |
| `keyring` | wrapped keys of persons and the tags they are looked up by | erased for good; backed up apart |
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from orchestrator.ledger.schema.columns import instant as _instant
from orchestrator.ledger.schema.columns import json_column as _json
from orchestrator.ledger.schema.columns import metadata

events = Table(
    "events",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("subject", Text),
    Column("append_id", Uuid, nullable=False),
    Column("stored", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    _instant("recorded_at"),
    UniqueConstraint("stream", "version", name="events_stream_version"),
    UniqueConstraint("stream", "event_key", name="events_stream_key"),
    schema="ledger",
)
Index("events_subject", events.c.subject, events.c.position, postgresql_where=events.c.subject.is_not(None))
Index("events_erasures", events.c.position, postgresql_where=text("event_type = 'PersonalDataErased'"))

head = Table(
    "head",
    metadata,
    Column("one_row", Boolean, primary_key=True, server_default=text("true")),
    Column("position", BigInteger, nullable=False),
    schema="ledger",
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("person_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("packet_name", Text, nullable=False),
    Column("packet_version", Text, nullable=False),
    _instant("cutoff"),
    Column("zone", Text, nullable=False),
    Column("urgent", Boolean, nullable=False, server_default=text("false")),
    Column("requested_by", Text, nullable=False),
    Column("requester_human", Text),
    _instant("requested_at"),
    _instant("closed_at", nullable=True),
    Column("version", Integer, nullable=False),
    _instant("due_at", nullable=True),
    _instant("embargo_until", nullable=True),
    _json("named", "[]"),
    Column("legal_hold", Boolean, nullable=False, server_default=text("false")),
    _json("summary", "{}"),
    _instant("access_gone_at", nullable=True),
    _instant("approved_at", nullable=True),
    _instant("watch_at", nullable=True),
    Column("exposed", Boolean, nullable=False, server_default=text("false")),
    Column("confirmed", Boolean),
    Column("shadow", Boolean, nullable=False, server_default=text("false")),
    Column("twin_of", Text),
    Column("blind", Boolean, nullable=False, server_default=text("false")),
    Column("restores", Text),
    Column("minutes_saved", Integer, nullable=False, server_default=text("0")),
    _json("systems", "[]"),
    _json("open_systems", "[]"),
    _json("tokens_unknown_on", "[]"),
    schema="read",
)
Index("runs_by_request", runs.c.requested_at, runs.c.run_id)
Index("runs_by_cutoff", runs.c.cutoff, runs.c.run_id)
Index("runs_under_legal_hold", runs.c.requested_at, runs.c.run_id, postgresql_where=runs.c.legal_hold)
Index("runs_by_watch", runs.c.watch_at, postgresql_where=runs.c.watch_at.is_not(None))
Index("runs_by_due", func.coalesce(runs.c.due_at, text("'infinity'::timestamptz")), runs.c.run_id)
Index("runs_by_state", runs.c.state, runs.c.requested_at, runs.c.run_id)
Index("runs_open_by_request", runs.c.requested_at, runs.c.run_id, postgresql_where=runs.c.closed_at.is_(None))
Index("runs_of_requester", runs.c.requested_by, runs.c.requested_at, runs.c.run_id)
Index("runs_by_access_end", runs.c.access_gone_at)
Index("runs_exposed", runs.c.cutoff, runs.c.run_id, postgresql_where=runs.c.exposed)
Index("runs_under_embargo", runs.c.embargo_until, postgresql_where=runs.c.embargo_until.is_not(None))
Index("runs_open_by_due", runs.c.due_at, runs.c.run_id, postgresql_where=runs.c.closed_at.is_(None))
Index("runs_of_person", runs.c.person_id)

inbox = Table(
    "inbox",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    _json("roles", "[]"),
    Column("system", Text),
    _instant("opened_at"),
    _instant("due_at", nullable=True),
    _json("detail", "{}"),
    schema="read",
)
Index("inbox_by_due", inbox.c.due_at, inbox.c.item_id)
Index("inbox_of_run", inbox.c.run_id)

exceptions = Table(
    "exceptions",
    metadata,
    Column("exception_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("step_id", Text),
    Column("system", Text),
    Column("owner", Text, nullable=False),
    _instant("opened_at"),
    _instant("due_at", nullable=True),
    _instant("closed_at", nullable=True),
    Column("disposition", Text),
    _json("detail", "{}"),
    schema="read",
)
Index(
    "exceptions_open_by_due",
    exceptions.c.due_at,
    exceptions.c.exception_id,
    postgresql_where=exceptions.c.closed_at.is_(None),
)
Index("exceptions_of_run", exceptions.c.run_id)
Index("exceptions_by_opening", exceptions.c.opened_at, exceptions.c.exception_id)
Index(
    "exceptions_by_closing",
    exceptions.c.closed_at,
    exceptions.c.exception_id,
    postgresql_where=exceptions.c.closed_at.is_not(None),
)

run_counts = Table(  # kept by triggers on `runs`; a rebuild of that makes this again
    "run_counts",
    metadata,
    Column("packet_name", Text, primary_key=True),
    Column("packet_version", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("urgent", Boolean, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    schema="read",
)

packets = Table(
    "packets",
    metadata,
    Column("name", Text, primary_key=True),
    Column("phase", Text, nullable=False),
    Column("current_version", Text),
    _json("detail", "{}"),
    schema="read",
)

reports = Table(
    "reports",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("cluster", Text, nullable=False),
    _instant("reported_at"),
    _instant("due_at", nullable=True),
    schema="engine",
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    schema="engine",
)

rates = Table(
    "rates",
    metadata,
    Column("system", Text, primary_key=True),
    _instant("free_at"),
    schema="engine",
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    schema="engine",
)

tree = Table(  # the compact range that the last checkpoint ended with, so that the next one reads new leaves only
    "tree",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("nodes", LargeBinary, nullable=False),
    schema="engine",
)

# Signing in


def _hash(name: str) -> Column[object]:
    """SHA-256 of the secret that a browser or program sends. The secret itself is never stored."""
    return Column(name, LargeBinary, nullable=False)


sessions = Table(
    "sessions",
    metadata,
    Column("session_hash", LargeBinary, primary_key=True),
    Column("actor_id", Text, nullable=False),
    _instant("auth_time", nullable=True),
    Column("acr", Text),
    Column("sealed", LargeBinary, nullable=False),
    _instant("created_at"),
    _instant("seen_at"),
    _instant("expires_at"),
    schema="access",
)
Index("sessions_of_actor", sessions.c.actor_id)
Index("sessions_by_expiry", sessions.c.expires_at)

# No longer used: a sign-in in progress is sealed in its browser's cookie. The version before this one writes here, so
# that it can run during an upgrade, or after one that was taken back.
sign_ins = Table(
    "sign_ins",
    metadata,
    Column("state_hash", LargeBinary, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    _instant("expires_at"),
    Column("source", LargeBinary),
    schema="access",
)
Index("sign_ins_by_source", sign_ins.c.source)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    _hash("token_hash"),
    Column("actor_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("up_to", Text, nullable=False),
    _instant("auth_time", nullable=True),
    Column("acr", Text),
    _instant("created_at"),
    _instant("expires_at"),
    _instant("revoked_at", nullable=True),
    UniqueConstraint("token_hash", name="tokens_hash"),
    schema="access",
)
Index("tokens_of_actor", tokens.c.actor_id)

devices = Table(
    "devices",
    metadata,
    Column("device_hash", LargeBinary, primary_key=True),
    _hash("code_hash"),
    Column("actor_id", Text),
    _instant("auth_time", nullable=True),
    Column("acr", Text),
    Column("refused", Boolean, nullable=False, server_default=text("false")),
    _instant("asked_at"),
    _instant("polled_at", nullable=True),
    _instant("expires_at"),
    Column("source", LargeBinary),
    UniqueConstraint("code_hash", name="devices_code"),
    schema="access",
)

Index("devices_by_source", devices.c.source)

answers = Table(
    "answers",
    metadata,
    Column("actor_id", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    _hash("request_hash"),
    Column("status", Integer),
    Column("sealed", LargeBinary),
    _instant("asked_at"),
    _instant("expires_at"),
    schema="access",
)
Index("answers_by_expiry", answers.c.expires_at)

# Telling people and programs

notices = Table(  # what was mailed to whom, so that nothing is mailed twice
    "notices",
    metadata,
    Column("item_id", Text, primary_key=True),
    Column("actor_id", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    _instant("sent_at"),
    schema="engine",
)

notice_looks = Table(  # one row: when the workflow that sends notices means to look again, and in which cluster it is
    "notice_looks",
    metadata,
    Column("one_row", Boolean, primary_key=True, server_default=text("true")),
    Column("cluster", Text, nullable=False),
    _instant("due_at"),
    schema="engine",
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("hook_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("former_sealed", LargeBinary),
    _instant("former_until", nullable=True),
    _json("types", "[]"),
    Column("packets", JSONB),
    Column("made_by", Text, nullable=False),
    _instant("created_at"),
    Column("after_position", BigInteger, nullable=False),
    _instant("disabled_at", nullable=True),
    Column("last_status", Text),
    _instant("last_at", nullable=True),
    Column("given_up", Integer, nullable=False, server_default=text("0")),
    schema="access",
)

files = Table(
    "files",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _instant("stored_at"),
    schema="ledger",
)
Index("files_subject", files.c.subject)

uploads = Table(
    "uploads",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("subject", "actor_id", "task", "media_type")),
    Column("bytes", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    _instant("expires_at"),
    schema="access",
)
Index("uploads_of_actor", uploads.c.actor_id)
Index("uploads_by_expiry", uploads.c.expires_at)

READ_TABLES: dict[str, Table] = {table.name: table for table in (runs, inbox, exceptions, packets)}
"""What a `RowWrite` may name."""
