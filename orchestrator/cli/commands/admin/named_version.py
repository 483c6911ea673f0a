"""Which version of a packet a command is about, by `--version`."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli.server.server import Server
from orchestrator.documents.document import Document


def named(packet: str, versions: Sequence[Document], version: str) -> Document:
    """Raises `Invalid`, as the server does, if none of the versions fits or several do."""
    from orchestrator.domain.packet.history.packet_state import version_named

    found = version_named(packet, [str(known["version"]) for known in versions], version)
    return next(known for known in versions if known["version"] == found)


async def chosen(server: Server, packet: str, version: str | None, *, phase: str | None = None) -> Document:
    """The one that is named; otherwise the newest, in this phase if one is there. Raises `Invalid`."""
    versions: list[Document] = (await server.get("packets", packet))["versions"]
    if version is not None:
        return named(packet, versions, version)
    return ([one for one in versions if one["phase"] == phase] or versions)[-1]
