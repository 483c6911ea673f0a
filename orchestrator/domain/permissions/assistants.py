"""Who stops an AI assistant, and who lets it read again.

Stopping only takes something away, so an owner of either file of a packet in use can do it, and the person who created
the assistant's token. To let it read again gives it access, which IT owns: only a safety owner of a packet in use.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.organisation import ALL_ASSISTANTS, Organisation
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.programs import require_safety_owner


def require_may_stop(actor: Actor, account: str, known: Organisation, packets: Iterable[Packet]) -> None:
    """`account` is the assistant's, or `*` for all. Raises `NotAllowed`."""
    require("stop_assistant", actor)
    program = known.programs.get(account)
    if program is not None and program.made_by_person(actor):
        return
    owners = {role for packet in packets for role in (packet.workflow.value_owner, packet.platform.safety_owner)}
    if actor.roles.isdisjoint(owners):
        named = any_of(owners) or "an owner of a packet in use"
        or_creator = "" if account == ALL_ASSISTANTS else ", or the person who created its token,"
        raise NotAllowed("not_an_owner", f"Only {named}{or_creator} can stop an assistant.")


def require_may_resume(actor: Actor, packets: Iterable[Packet]) -> None:
    """Raises `NotAllowed`."""
    require_safety_owner(actor, packets, "resume_assistant")
