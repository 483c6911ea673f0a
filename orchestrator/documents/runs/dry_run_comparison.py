"""What the dry runs of a packet version show: its figures, and the differences from what people did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from orchestrator.documents.document import Document
from orchestrator.domain import events as e
from orchestrator.domain.measures.shadow_figures import ShadowFigures, Share
from orchestrator.domain.packet.history.packet_state import VersionState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.comparison.reads import shown_of
from orchestrator.domain.run.comparison.results import change_results, step_results
from orchestrator.domain.run.run import RunState
from orchestrator.reading.rows import PersonName
from orchestrator.reading.shadow import ShadowRuns

DIFFERS = ("unjudged", "plan_wrong", "wrong_account", "people_missed")
"""The results of steps that are listed. What agrees, and what can't be compared, is only counted."""


def shadow_document(packet: Packet, known: VersionState, found: ShadowRuns) -> Document:
    return {
        "packet": packet.name,
        "title": packet.workflow.title,
        "version": known.version,
        "phase": known.phase,
        "figures": figures_document(found.figures),
        "differences": [
            one for state in found.seen for one in _differences(state, found.names.get(state.run_id), packet)
        ],
    }


def figures_document(figures: ShadowFigures) -> Document:
    return {
        "people": figures.people,
        "days": figures.days,
        "precision": _share(figures.precision),
        "recall": _share(figures.recall),
        "wrong_accounts": figures.wrong_accounts,
        "unjudged": figures.unjudged,
        "steps": {
            "agreed": figures.agreed,
            "people_missed": figures.people_missed,
            "plan_wrong": figures.plan_wrong,
            "unjudged": figures.unjudged_steps,
            "done_before": figures.done_before,
            "not_compared": figures.not_compared,
            "not_read": figures.not_read,
        },
        "changes": {
            "plan_missed": figures.plan_missed,
            "out_of_scope": figures.out_of_scope,
            "unjudged": figures.unjudged_changes,
        },
    }


def _share(share: Share) -> Document:
    return {"part": share.part, "whole": share.whole, "value": share.value}


def _differences(state: RunState, person: PersonName | None, packet: Packet) -> Iterator[Document]:
    """Of one dry run: first those of steps, in the plan's order, then changes without a step."""
    name = person.name if person is not None else None
    about = {"run_id": state.run_id, "beside": state.twin_of, "person": name}
    for step_id, result in step_results(state).items():
        if result not in DIFFERS:
            continue
        step, shown = state.plan.steps[step_id], list(shown_of(state, state.plan.steps[step_id]).values())
        yield {
            **about,
            **_place(step.system, packet),
            "about": step_id,
            "kind": "step",
            "title": step.title,
            "step": step.name,
            "account": _label(state.accounts.details, step.account_id),
            "shown": shown[-1].outcome if shown else None,
            "shown_at": shown[-1].at if shown else None,
            "result": result,
            "judgement": _judgement(state, step_id),
        }
    for change_id, change_result in change_results(state).items():
        change = state.comparison.changes[change_id]
        yield {
            **about,
            **_place(change.system, packet),
            "about": change_id,
            "kind": "change",
            "title": None,
            "step": None,
            "account": _label({change.account_id: change.details or {}}, change.account_id),
            "shown": change.what,
            "shown_at": state.comparison.found_at.get(change_id),
            "result": change_result,
            "judgement": _judgement(state, change_id),
        }


def _place(system: str, packet: Packet) -> Document:
    spec = packet.platform.systems.get(system)
    return {"system": system, "system_title": spec.title if spec is not None else system}


def _label(details: Mapping[str, Document], account_id: str) -> str | None:
    """What the system calls the account; None where it has none, or the viewer does not read it."""
    label = details.get(account_id, {}).get("label")
    return str(label) if label else None


def _judgement(state: RunState, about: str) -> Document | None:
    known: tuple[e.DifferenceJudged, datetime] | None = state.comparison.judgements.get(about)
    if known is None:
        return None
    event, at = known
    return {"verdict": event.verdict, "by": event.by, "at": at, "reason": event.reason}
