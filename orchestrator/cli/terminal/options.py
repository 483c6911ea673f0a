"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

As = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        envvar="OFFBOARD_AS",
        help="Your user on the embedded stack: hr, it, finance, operator, … On a server, use `offboard login` instead.",
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--folder", envvar="OFFBOARD_FOLDER", help="The folder in which `offboard up` keeps its data."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON. Its fields are in docs/json.md.")]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's ID, or the start of it.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="The reason. Kept encrypted in the ledger.")]
NeededReasonOption = Annotated[str, typer.Option("--reason", help="The reason. Kept encrypted in the ledger.")]
PacketOption = Annotated[str, typer.Option("--packet", metavar="NAME", help="The packet.")]
ZoneOption = Annotated[str | None, typer.Option("--zone", help="The time zone of the cutoff. Default: the person's.")]

FOLDER = Path(".offboard")
PACKET = "standard-leaver"


def has_subcommand(context: typer.Context) -> bool:
    """Whether a group was called with one of its commands. Options in front of that command's name are given to it:
    `offboard systems --as operator check`."""
    if context.invoked_subcommand is None:
        return False
    sources = {name: context.get_parameter_source(name) for name in context.params}
    named = {
        name: value
        for name, value in context.params.items()
        if (source := sources[name]) is not None and source.name == "COMMANDLINE"
    }
    context.default_map = {context.invoked_subcommand: named}
    return True
