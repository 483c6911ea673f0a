"""Who may start runs, and under which packets. The page that refuses and the navigation use the same rule."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.refusal_codes import RefusalCode


def in_use(shelf: PacketShelf) -> Packet | None:
    """The packet as it is today, where runs can be started under it."""
    return None if shelf.history.phase in ("draft", "retired") else shelf.current


def packets_to_start(actor: Actor, shelves: Iterable[PacketShelf]) -> list[tuple[Packet, PacketShelf]]:
    """Those under which the actor may start runs; none where no packet is in use. Raises `NotAllowed`, as the domain
    does, for someone who may start none."""
    require("start_run", actor)
    allowed: list[tuple[Packet, PacketShelf]] = []
    refused: NotAllowed | None = None
    for shelf in shelves:
        current = in_use(shelf)
        if current is None:
            continue
        try:
            requests.require_prepare(actor, current, current, current.name)
        except NotAllowed as error:
            refused = refused or error
        else:
            allowed.append((current, shelf))
    if refused is not None and not allowed:
        code = cast(RefusalCode, refused.code)
        raise NotAllowed(code, "Your roles do not allow starting a run.", **refused.facts)
    return allowed


def may_start(actor: Actor, shelves: Iterable[PacketShelf]) -> bool:
    try:
        packets_to_start(actor, shelves)
    except NotAllowed:
        return False
    return True
