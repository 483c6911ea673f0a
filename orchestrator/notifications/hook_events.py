"""What webhooks send: events of runs, gates and exceptions, as CloudEvents 1.0 in JSON.

A body says which run, gate or exception, what became of it, when, and which roles it concerns. Nothing about a person
is in it, neither the one who leaves nor the actor, and no text that a person wrote: a receiver that may know more
asks the API with the run's id. The same event gives the same body each time it is sent.

Sources: CloudEvents 1.0.2 (attributes, JSON event format), Standard Webhooks 1.0.0 (signature scheme v1).
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event

PREFIX = "dev.offboard."
MEDIA_TYPE = "application/cloudevents+json; charset=UTF-8"

_Data = Callable[[Any], dict[str, Any]]


def _fields(*names: str) -> _Data:
    return lambda event: {name: getattr(event, name) for name in names}


def _exception(event: e.ExceptionOpened) -> dict[str, Any]:
    # Without the system: that a person has an account there is about them.
    known = {"exception_id": event.exception_id, "kind": event.kind, "code": event.code, "roles": event.owners}
    return known | {"due": event.due, "step_id": event.step_id, "gate_id": event.gate_id}


def _assigned(event: e.ExceptionAssigned) -> dict[str, Any]:
    # Without the account: it is a person's. Unassigned, the exception belongs to its roles again.
    return {"exception_id": event.exception_id, "assigned": bool(event.to)}


def _replay(event: e.ReplayRequested) -> dict[str, Any]:
    # Without the scope: the name of a system would say that the person has an account there.
    counts = {"read_back": len(event.read_back), "repeated": len(event.generations), "retried": len(event.retried)}
    return counts | {"reopens": event.reopens}


def _gate(event: e.GateOpened) -> dict[str, Any]:
    data = _fields("gate_id", "gate", "roles", "quorum", "decide_by", "valid_until")(event)
    if event.close is not None:
        return data | {"steps": len(event.close.steps), "close": event.close.outcome}
    return data | {"steps": len(event.digests)}


def _decided(event: e.GateDecided) -> dict[str, Any]:
    counts = {"approved": len(event.approved), "excluded": len(event.excluded)}
    return {"gate_id": event.gate_id, "outcome": event.outcome, "valid_until": event.valid_until, **counts}


_DATA: Mapping[type[Event], tuple[str, _Data]] = MappingProxyType(
    {
        e.RunRequested: ("run.requested", _fields("packet", "packet_version", "phase", "cutoff", "urgent", "restores")),
        e.PlanFrozen: ("run.planned", lambda event: {"revision": event.revision, "steps": len(event.steps)}),
        e.RunRescheduled: ("run.rescheduled", _fields("cutoff")),
        e.RunHeld: ("run.held", _fields("until")),
        e.RunReleased: ("run.released", _fields()),
        e.LegalHoldPlaced: ("run.legal_hold_placed", _fields("hold_id")),
        e.LegalHoldLifted: ("run.legal_hold_lifted", _fields("hold_id")),
        e.RunEnded: ("run.ended", _fields()),
        e.RunClosed: ("run.closed", _fields("outcome", "verified", "attested", "skipped")),
        e.RunReopened: ("run.reopened", _fields("cause")),
        e.ReplayRequested: ("run.replay_requested", _replay),
        e.GateOpened: ("gate.opened", _gate),
        e.GateDecided: ("gate.decided", _decided),
        e.GateEscalated: ("gate.escalated", _fields("gate_id", "roles")),
        e.GateWithdrawn: ("gate.withdrawn", _fields("gate_id")),
        e.ExceptionOpened: ("exception.opened", _exception),
        e.ExceptionAssigned: ("exception.assigned", _assigned),
        e.ExceptionWaived: ("exception.waived", _fields("exception_id", "until")),
        e.ExceptionReopened: ("exception.reopened", _fields("exception_id", "due")),
        e.ExceptionClosed: ("exception.closed", _fields("exception_id", "disposition")),
    }
)

TYPES: tuple[str, ...] = tuple(name for name, _ in _DATA.values())
"""What a webhook may ask for, without `PREFIX`. It may also ask for `run`, `gate` or `exception`: all of a kind."""
KINDS: tuple[str, ...] = tuple(dict.fromkeys(name.partition(".")[0] for name in TYPES))
TYPE_OF: Mapping[str, str] = MappingProxyType({event.type_name(): name for event, (name, _) in _DATA.items()})
"""Our own name of an event -> the type under which it is sent."""


def is_wanted(type_: str, wanted: Sequence[str]) -> bool:
    """Whether a webhook that asks for `wanted` (nothing: everything) gets this type."""
    return not wanted or type_ in wanted or type_.partition(".")[0] in wanted


def event_id(run_id: str, version: int) -> str:
    """The same for every webhook and every attempt. Made of the run and the event's number in it: a position in the
    ledger would tell of everything else that happened."""
    return f"{run_id}-{version}"


def cloud_event(run_id: str, version: int, event: Event, recorded_at: datetime, source: str) -> bytes:
    """The body. `source` is the installation's address. Raises `KeyError` for an event that is not sent."""
    type_, data = _DATA[type(event)]
    document = {
        "specversion": "1.0",
        "id": event_id(run_id, version),
        "source": source,
        "type": PREFIX + type_,
        "subject": run_id,
        "time": recorded_at,
        "datacontenttype": "application/json",
        "data": {"run_id": run_id} | {name: value for name, value in data(event).items() if value is not None},
    }
    return json.dumps(document, default=_plain, separators=(",", ":"), allow_nan=False).encode()


def signature(secrets: Sequence[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one signature for each secret, so that one can be replaced while both hold."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(secret, signed, 'sha256')).decode()}" for secret in secrets)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")  # RFC 3339
    raise TypeError(f"a {type(value).__name__} cannot be sent in a webhook")
