"""The files of a new packet version, checked before it is adopted: for the page and the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connectors.people_csv.mapping import mapping_problems
from connectors.registry import HR_KINDS, SETTINGS, SYSTEM_CLASSES, connector_kinds
from orchestrator.commands import refused_adoption
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.checks.packet_checks import check_packet, roles_spoken_of
from orchestrator.domain.packet.class_steps import expanded
from orchestrator.domain.packet.history.packet_phases import adopt, require_author
from orchestrator.domain.packet.history.packet_state import PacketState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.packet_yaml import MAX_NODES, PacketProblems
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState

NOT_AVAILABLE: Final = (
    "it is not available here in this version; ask an administrator to install it, or correct the name"
)
"""The same for every reason. A draft must not be a way to find out what is installed here, and in which version."""


async def checked_version(
    web: WebState, caller: Caller, files: Mapping[str, bytes], *, adopting: bool = True
) -> Packet:
    """Files of a packet that the caller would adopt, with the systems of its steps for every system of a class. Raises
    `PacketProblems` with every problem, and `NotAllowed` for an account that owns none of the files, whose files are
    not checked. If the caller is `adopting` them, that refusal is recorded in the packet that the files name."""
    require_author(caller.actor)  # before the files are read, which takes processor time
    packet = await web.heavy.run(parse_packet, files, max_nodes=MAX_NODES)
    try:
        adopt(PacketState(), packet, caller.actor)  # files are checked only for accounts that would own one of them
    except NotAllowed as refused:
        if adopting:
            await refused_adoption(web.services, caller.actor, packet, refused)
        raise
    packet = await web.heavy.run(expanded, packet, connector_kinds(), SYSTEM_CLASSES)
    actors = list((await web.services.runs.organisation()).actors.values())
    roles = roles_spoken_of(packet).union(*(actor.roles for actor in actors if actor.kind == "person"))
    wrong = await web.heavy.run(
        check_packet,
        packet,
        connector_kinds(),
        settings=SETTINGS,
        roles_known=roles,
        actors=actors,
        why_missing=lambda connector: NOT_AVAILABLE,
        hr_kinds=HR_KINDS,
        export_problems=mapping_problems,
    )
    if wrong:
        raise PacketProblems(wrong)
    return packet
