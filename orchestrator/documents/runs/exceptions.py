"""Exceptions as documents: the owner of each, its repairs, and the facts that help to resolve it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.documents.document import Document
from orchestrator.documents.runs.exception_records import exception_record
from orchestrator.documents.runs.exception_remedies import exception_remedy
from orchestrator.documents.runs.run import account_of, decision_behind, not_selected
from orchestrator.documents.systems.support import support_document
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.reading.queries import Queries
from orchestrator.reading.rows import ExceptionLine
from orchestrator.reading.visibility import Viewer


async def exception_documents(queries: Queries, viewer: Viewer, lines: Sequence[ExceptionLine]) -> list[Document]:
    """Runs are read all at once. The lines are of runs that the viewer sees."""
    looked = await queries.snapshots(viewer, list(dict.fromkeys(line.run_id for line in lines)))
    return [exception_document(line, looked.get(line.run_id)) for line in lines]


def exception_document(line: ExceptionLine, snapshot: RunSnapshot | None = None) -> Document:
    """`snapshot` is the run as the viewer reads it, for support, runbook, the accounts that could be meant, the vote
    that the exception is about, and what people recorded about it."""
    document = asdict(line)
    document["exception_id"] = document.pop("id")
    document["person"] = document["person"] if line.person.name is not None else None
    document["code"] = line.code or None
    document["closed_by"] = line.closed_by or None
    document["candidates"], document["not_selected"] = [], []
    rule = RULES.get(line.kind)
    repairs = rule.repairs if rule is not None else ()
    document["remedy"] = rule.remedy if rule is not None else ""
    document["repairs"] = list(repairs)
    document["support"] = document["runbook"] = document["support_details"] = None
    known = snapshot.state.work.exceptions.get(line.id) if snapshot is not None else None
    document["decision"] = decision_behind(snapshot.state, known.opened) if snapshot is not None and known else None
    document["assigned_to"] = line.assigned_to or None
    if snapshot is not None and known is not None:
        document |= exception_record(snapshot.state, known, snapshot.world)
    if line.system is None or snapshot is None:
        return document
    pinned = snapshot.world.pinned
    document["remedy"] = exception_remedy(line.kind, line.code, line.system, pinned)
    spec = snapshot.world.system_today(line.system)
    if spec is not None:
        document["support"], document["runbook"] = spec.support.team or None, spec.runbook or None
        document["support_details"] = support_document(spec.support, snapshot.world.now)
    if line.closed_at is None and Repair.SETTLE in repairs:
        found = snapshot.state.accounts.planned_on.get(line.system)
        candidates = found.candidates if found is not None else ()
        document["candidates"] = [account_of(snapshot.state, id_) for id_ in candidates]
        document["not_selected"] = not_selected(snapshot.state, known) if known is not None else []
    return document
