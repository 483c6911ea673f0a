"""How a change of each field of a packet is judged by its value before and after: as wording, stricter, laxer or other.

A field without a row is judged as `other`, which both owners sign; a test finds it. One owner alone takes a stricter
value to production, so a value is stricter only if it cannot make a step fail, delay the removal of access, or remove
access that the person should keep: it checks more, asks for more evidence, or opens an exception sooner (decision
0071). A lower time-out, a further gate, another approver or a lower permission limits what happens as well, but a step
can then fail or wait, so these are `other`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from pydantic import BaseModel

from orchestrator.domain.packet import packet as p
from orchestrator.domain.packet.support import SupportSpec

ChangeKind = Literal["wording", "stricter", "laxer", "other"]
Judge = Callable[[Any, Any], ChangeKind]
"""Of the values before and after, neither of them None."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """`words` name the field in a sentence. `appears` and `vanishes` judge a value where there was none, and none where
    there was one. `parts`: the value is a model, judged by the rows of its own fields. `entries`: the value is a list
    or mapping of models, compared by name; `appears` and `vanishes` judge one entry that is added or removed.
    `ordered`: the order of the entries has a meaning."""

    words: str
    judge: Judge
    appears: ChangeKind = "other"
    vanishes: ChangeKind = "other"
    parts: bool = False
    entries: bool = False
    ordered: bool = False


def _wording(before: Any, after: Any) -> ChangeKind:
    return "wording"


def _other(before: Any, after: Any) -> ChangeKind:
    return "other"


def _less(before: Any, after: Any) -> ChangeKind:
    return "stricter" if after < before else "laxer"


def _more(before: Any, after: Any) -> ChangeKind:
    return "stricter" if after > before else "laxer"


def _yes(before: bool, after: bool) -> ChangeKind:
    return "stricter" if after else "laxer"


def _no(before: bool, after: bool) -> ChangeKind:
    return "laxer" if after else "stricter"


def _sooner(least: timedelta) -> Judge:
    """Of a time after which an exception opens. Below `least`, or below half of the time in production, exceptions open
    that no one needs and hide those that count, so that is `other`."""

    def judge(before: timedelta, after: timedelta) -> ChangeKind:
        if after > before:
            return "laxer"
        return "stricter" if after >= least and after * 2 >= before else "other"

    return judge


def _above(before: Any, after: Any) -> ChangeKind:
    """More is laxer, and less can make a step fail or wait."""
    return "laxer" if after > before else "other"


def _below(before: Any, after: Any) -> ChangeKind:
    """Less is laxer, and more can make a step wait."""
    return "laxer" if after < before else "other"


def _off(before: bool, after: bool) -> ChangeKind:
    """No is laxer, and yes can make a step wait for people."""
    return "other" if after else "laxer"


def _fewer(before: tuple[Any, ...], after: tuple[Any, ...]) -> ChangeKind:
    if set(before) == set(after):
        return "wording"
    return "stricter" if set(after) < set(before) else "laxer"


def _wider(before: tuple[Any, ...], after: tuple[Any, ...]) -> ChangeKind:
    """Of hosts: without one that the connector needs, steps fail."""
    if set(before) == set(after):
        return "wording"
    return "other" if set(after) < set(before) else "laxer"


def _further(before: tuple[Any, ...], after: tuple[Any, ...]) -> ChangeKind:
    """Of what is done more often or by more people: more is stricter, and another choice is `other`."""
    if set(before) == set(after):
        return "wording"
    return "stricter" if set(after) > set(before) else "laxer" if set(after) < set(before) else "other"


def _deciders(before: tuple[Any, ...], after: tuple[Any, ...]) -> ChangeKind:
    """One more role can decide, which is laxer. One less can leave a gate undecided, and access open; or a cutoff where
    it is, and remove access too early."""
    if set(before) == set(after):
        return "wording"
    return "laxer" if set(after) > set(before) else "other"


def _stronger_match(before: str, after: str) -> ChangeKind:
    """A weak match waits for a person's answer."""
    return "laxer" if after == "strong" else "other"


def _text(words: str) -> FieldRow:
    return FieldRow(words, _wording, appears="wording", vanishes="wording")


def _kept(before: str, after: str) -> ChangeKind:
    """A text that phase shadow needs: without it, less is known when something fails."""
    return "laxer" if before.strip() and not after.strip() else "wording"


def _any(words: str) -> FieldRow:
    return FieldRow(words, _other)


def _part(words: str, *, appears: ChangeKind = "other", vanishes: ChangeKind = "other") -> FieldRow:
    return FieldRow(words, _other, appears, vanishes, parts=True)


def _entries(
    words: str, *, appears: ChangeKind = "other", vanishes: ChangeKind = "other", ordered: bool = False
) -> FieldRow:
    return FieldRow(words, _other, appears, vanishes, entries=True, ordered=ordered)


_DECISION: Final[Mapping[str, FieldRow]] = {
    "title": _text("title"),
    "decided_by": FieldRow("roles that decide", _deciders),
    "quorum": FieldRow("number of people who decide", _below),
    "decide_within": FieldRow("time to decide", _above),
    "escalate_to": FieldRow("roles that it escalates to", _deciders),
    "valid_for": FieldRow("time that a decision is valid", _above),
    "decide_together": FieldRow("decision for several runs together", _no),
}

ROWS: Final[Mapping[type[BaseModel], Mapping[str, FieldRow]]] = MappingProxyType({
    # workflow.yaml
    p.Workflow: {
        "name": _any("name"),
        "title": _text("title"),
        "purpose": _text("purpose"),
        "value_owner": _any("role of the value owner"),
        "outcomes": _part("outcomes"),
        "thresholds": _part("thresholds"),
        "pilot": _any("condition of the pilot"),
        "watch": _part("checks after the close"),
        "steps": _entries("step", vanishes="laxer"),
    },
    p.OutcomeTargets: {"access_gone_within": FieldRow("target for the removal of access", _less)},
    p.Thresholds: {
        "batch_cap": FieldRow("runs that one list can start without a confirmation", _less),
        "retries_become_exception_after": FieldRow(
            "time until failed attempts open an exception", _sooner(timedelta(minutes=5))
        ),
        "accounts_fresh_for": FieldRow("maximum age of a search before a change", _above),
        "task_due_within": FieldRow("time until a task is due", _sooner(timedelta(hours=4))),
    },
    p.WatchSpec: {"days": FieldRow("days of the checks after the close", _further)},
    p.WorkflowStep: {
        "name": _any("name"),
        "title": _text("title"),
        "system": _any("system"),
        "every": _any("class of systems"),
        "ability": _any("ability"),
        "task": _part("task"),
        "needs": _any("steps before it"),
        "when": _any("condition"),
        "at": _any("time"),
        "gate": FieldRow("gate", _other, vanishes="laxer"),
        "parameters": _any("parameters"),
        "minutes_saved": FieldRow("minutes of manual work saved", _less),
    },
    p.TaskSpec: {
        "role": _any("role"),
        "instruction": _any("instruction"),
        "evidence_required": FieldRow("evidence required", _yes),
        "due_within": FieldRow("time until it is due", _sooner(timedelta(hours=4))),
        "hands_over": _any("whether it hands over"),
        "cuts_access": _any("whether it removes access"),
        "destroys": _any("whether it deletes data"),
    },
    # platform.yaml
    p.Platform: {
        "safety_owner": _any("role of the safety owner"),
        "systems": _entries("system", vanishes="laxer"),
        "levels": _any("permissions"),
        "hr": _part("HR section"),
    },
    p.SystemSpec: {
        "title": _text("title"),
        "connector": _any("connector"),
        "system_class": _any("class"),
        "connection": _any("connection"),
        "hosts": FieldRow("hosts", _wider),
        "match": _entries("match key", ordered=True),
        "expected": FieldRow("account expected", _off),
        "deadline": FieldRow("time-out of an attempt", _above),
        "settle": _any("time that it can show an old state"),
        "token_lifetime": FieldRow("lifetime of its tokens", _more),
        "rate_per_second": FieldRow("requests per second", _above, vanishes="laxer"),
        "queue": _any("task queue"),
        "support": _part("support"),
        "runbook": _text("runbook"),
        "service_accounts": FieldRow("accounts that no person owns", _fewer),
    },
    SupportSpec: {
        "team": FieldRow("team", _kept),
        "role": _any("role that owns exceptions"),
        "hours": FieldRow("hours", _kept),
        "on_call": FieldRow("on-call contact", _kept),
        "escalation": FieldRow("escalation contact", _kept),
        "runbook_url": FieldRow("runbook URL", _kept),
    },
    p.MatchKey: {
        "key": _any("key"),
        "attribute": _any("attribute"),
        "strength": FieldRow("strength", _stronger_match),
    },
    p.HrSpec: {
        "system": _any("HR system"),
        "export_columns": _any("columns of the export"),
        "export_format": _any("format of the export"),
    },
    # approvals.yaml
    p.Approvals: {
        "gates": _entries("gate", vanishes="laxer"),
        "close": _entries("signature of the close", vanishes="laxer"),
        "urgent": _part("urgent starts", appears="laxer"),
        "postpone": _part("postponing", appears="laxer"),
        "pause": _part("end of pauses", vanishes="laxer"),
        "legal_hold": _part("legal hold"),
        "exceptions": _part("exceptions"),
        "embargo": _part("embargo"),
        "starts": _part("limits on starts"),
        "launch": _any("requirements for production"),
    },
    p.GateSpec: {
        **_DECISION,
        "needed_when": FieldRow("condition under which it is needed", _other, appears="laxer"),
    },
    p.CloseSpec: _DECISION,
    p.UrgentSpec: {
        "allowed_to": FieldRow("roles that can start urgent runs", _deciders),
        "review_by": FieldRow("roles that review urgent starts", _deciders),
        "review_within": FieldRow("time to review", _sooner(timedelta(hours=1))),
        "late_after": _any("age of a cutoff that makes a start urgent"),
    },
    p.PostponeSpec: {"allowed_to": FieldRow("roles that can move a cutoff to a later time", _deciders)},
    p.PauseSpec: {
        "ends_within": FieldRow("longest time of a pause", _above),
        "second_person": _any("second person who resumes"),
    },
    p.LegalHoldSpec: {
        "allowed_to": _any("roles that can place a legal hold"),
        "when": _any("condition of a legal hold at the start"),
    },
    p.ExceptionSpec: {
        "owner": _any("role that resolves exceptions"),
        "due_within": FieldRow("time until an exception is due", _sooner(timedelta(hours=4))),
        "second_person": FieldRow("second person for steps done by hand", _off),
    },
    p.EmbargoSpec: {"lasts": _any("time after the cutoff"), "named": _any("accounts")},
    p.StartLimits: {
        "window": _any("time in which starts are counted"),
        "per_requester": FieldRow("starts of one requester", _above),
        "per_packet": FieldRow("starts of all requesters", _above),
        "urgent_per_requester": FieldRow("urgent starts of one requester", _above),
        "urgent_per_packet": FieldRow("urgent starts of all requesters", _above),
    },
})  # fmt: skip

GRANT_FIELDS: Final = frozenset({"who", "kind", "systems", "workflows", "up_to"})
"""Fields of the permissions in platform.yaml, which are compared by what they grant (`changes.grants`)."""

UNKNOWN_FIELD: Final = FieldRow("field", _other)


def row_of(model: type[BaseModel], field: str) -> FieldRow:
    """The row of a field; a field that the table does not know is judged as `other`."""
    return ROWS.get(model, {}).get(field, UNKNOWN_FIELD)
