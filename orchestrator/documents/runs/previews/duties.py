"""The leaver's duties in Offboard as previews and runs show them, each with a sentence that says who takes it over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.documents.runs.previews.preview import PreviewDuty
from orchestrator.domain.organisation.duties import Duty
from orchestrator.domain.organisation.roles import role_words

MAX_NAMED = 5
"""Accounts that a sentence names; the document lists all."""


def duty_document(duty: Duty, waiting: int = 0) -> PreviewDuty:
    """`waiting` is the number of open items that wait for a role that no other person has."""
    return PreviewDuty(
        kind=duty.kind,
        name=duty.name,
        passes_to=duty.passes_to,
        missing=duty.missing,
        waiting=waiting,
        message=_message(duty, waiting),
    )


def duty_documents(duties: Iterable[Duty]) -> list[dict[str, Any]]:
    """As a run's document has them: without the number of open items, which are listed elsewhere."""
    return [duty_document(duty).model_dump(exclude={"waiting"}) for duty in duties]


def _message(duty: Duty, waiting: int) -> str:
    after = _accounts(duty.passes_to)
    match duty.kind:
        case "role":
            if duty.passes_to:
                return f"Role {role_words(duty.name)}: {after} also {_has(duty)} it."
            open_items = f" {waiting} open {'item waits' if waiting == 1 else 'items wait'} for it." if waiting else ""
            return (
                f"Role {role_words(duty.name)}: no other person has it.{open_items} Give it to another person, who "
                "then signs in, before the cutoff."
            )
        case "packet_owner":
            owned = f"Owner of packet {duty.name} as {role_words(duty.role)}"
            return f"{owned}: {after} also {_has(duty)} the role." if duty.passes_to else f"{owned}: no other person."
        case "delegate":
            return f"Delegation to {duty.name}: it ends at the cutoff."
        case "delegator":
            return f"Delegate of {duty.name}: {duty.name} has no delegate after the cutoff and can choose another one."
        case "service":
            if duty.passes_to:
                return f"Service {duty.name}: {after} answers for it after the cutoff."
            return f"Service {duty.name}: no other person answers for it, and its token ends at the cutoff."
        case "assistant":
            return f"AI assistant {duty.name}: its token ends at the cutoff."
        case "webhook":
            if duty.passes_to:
                return f"Webhook {duty.name}: it keeps working; {after} can change it."
            return f"Webhook {duty.name}: it keeps working, but no other person can change it."


def _has(duty: Duty) -> str:
    return "has" if len(duty.passes_to) == 1 else "have"


def _accounts(accounts: tuple[str, ...]) -> str:
    named = list(accounts[:MAX_NAMED])
    more = len(accounts) - len(named)
    if more:
        named.append(f"{more} more")
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}" if named else ""
