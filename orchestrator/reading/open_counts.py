"""How much is open, for gauges that everyone with the dashboard sees; runs under embargo are therefore not counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, not_, or_, select, text

from orchestrator.ledger.engine.findings import Findings
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import exceptions, inbox, runs

# A workflow that has no report waits for its start; one that reported an earlier version waits for the event after it.
_RELAY_LAG = text(
    "WITH late AS MATERIALIZED (SELECT q.*, n.now FROM (SELECT engine.now() AS now) n, engine.relay_queue q "
    "WHERE q.behind_at < n.now AND NOT q.closed) "
    "SELECT coalesce(max(extract(epoch FROM now - since)), 0) FROM ("
    "SELECT now, requested_at AS since FROM late WHERE reported_at IS NULL "
    "UNION ALL SELECT now, e.recorded_at FROM late "
    "JOIN ledger.events e ON e.stream = 'run:' || run_id AND e.version = known_version + 1 "
    "WHERE known_version < late.version "
    "UNION ALL SELECT now, due_at FROM late WHERE due_at < now) AS behind"
)


@dataclass(frozen=True, slots=True)
class OpenItems:
    """Items of the inbox of one kind: how many are open, how many of them are past their due date, and for how many
    seconds the oldest has been open."""

    open: int
    overdue: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class OpenCounts:
    """Open runs by their state; open exceptions, items of the inbox, and findings of comparisons by their kind. What
    there is none of is not in there. `exposed_runs` are those whose cutoff has passed while access is still open, as
    Outcomes shows.
    `relay_lag_seconds` is for how long the workflow that is furthest behind has not known an event or a date of its
    run, also of a run under embargo: it shows nothing about which run it is."""

    runs: Mapping[str, int]
    exposed_runs: int
    exceptions: Mapping[str, int]
    inbox: Mapping[str, OpenItems]
    relay_lag_seconds: float
    findings: Mapping[str, int]


async def open_counts(database: Database) -> OpenCounts:
    """Raises `LedgerUnavailable`."""
    not_embargoed = or_(runs.c.embargo_until.is_(None), runs.c.embargo_until <= func.engine.now())
    by_state = (
        select(runs.c.state, func.count())
        .where(runs.c.closed_at.is_(None), runs.c.twin_of.is_(None), not_embargoed)
        .group_by(runs.c.state)
    )
    exposed = (
        select(func.count())
        .select_from(runs)
        .where(
            or_(runs.c.exposed, runs.c.access_gone_at > func.engine.now()),
            not_(runs.c.shadow),
            runs.c.cutoff <= func.engine.now(),
            not_embargoed,
        )
    )
    by_kind = (
        select(exceptions.c.kind, func.count())
        .join(runs, runs.c.run_id == exceptions.c.run_id)
        .where(exceptions.c.closed_at.is_(None), not_embargoed)
        .group_by(exceptions.c.kind)
    )
    items = (
        select(
            inbox.c.kind,
            func.count(),
            func.count().filter(inbox.c.due_at < func.engine.now()),
            func.extract("epoch", func.engine.now() - func.min(inbox.c.opened_at)),
        )
        .join(runs, runs.c.run_id == inbox.c.run_id)
        .where(not_embargoed)
        .group_by(inbox.c.kind)
    )
    findings = await Findings(database).reported()
    async with database.connect() as connection:
        states = await connection.execute(by_state)
        exposed_runs = (await connection.execute(exposed)).scalar_one()
        kinds = await connection.execute(by_kind)
        opened = await connection.execute(items)
        lag = (await connection.execute(_RELAY_LAG)).scalar_one()
    return OpenCounts(
        {row[0]: row[1] for row in states},
        exposed_runs,
        {row[0]: row[1] for row in kinds},
        {row[0]: OpenItems(row[1], row[2], float(row[3])) for row in opened},
        float(lag),
        findings,
    )
