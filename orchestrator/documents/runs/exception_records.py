"""What people recorded about an exception: its owner, snooze, waiver, comments, and why it was closed."""

from __future__ import annotations

from orchestrator.documents.document import Document
from orchestrator.domain.commands.exception_commands import owner_of
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.domain.run.work import ExceptionState


def exception_record(state: RunState, known: ExceptionState, world: World) -> Document:
    """`reason` is that of the closing. Texts are None once the person is erased, and where the reader does not read the
    system."""
    closed = known.closed
    return {
        "assigned_to": owner_of(state, known, world) or None,
        "snoozed_until": known.snoozed_until,
        "waived_until": known.waived_until,
        "waiver": waiver_of(known),
        "comments": [{"by": comment.by, "at": at, "text": comment.text} for comment, at in known.comments],
        "reason": closed.reason if closed is not None else None,
        "on_behalf_of": closed.on_behalf_of if closed is not None else None,
    }


def waiver_of(known: ExceptionState) -> Document | None:
    """The last one, also once it has ended."""
    if known.waiver is None:
        return None
    waived, at = known.waiver
    return {
        "by": waived.by,
        "on_behalf_of": waived.on_behalf_of,
        "at": at,
        "until": waived.until,
        "reason": waived.reason,
        "compensating_control": waived.compensating_control,
    }
