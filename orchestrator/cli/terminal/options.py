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
        help="Who you are on the embedded stack: hr, it, finance, operator, … On a server, `offboard login` says it.",
    ),
]
Folder = Annotated[
    Path,
    typer.Option("--folder", envvar="OFFBOARD_FOLDER", help="Where `offboard up` keeps its things."),
]
Json = Annotated[bool, typer.Option("--json", help="As JSON (docs/json.md says what stands in it).")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; kept in the ledger, encrypted.")]
NeededReason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger, encrypted.")]
PacketName = Annotated[str, typer.Option("--packet", metavar="NAME", help="Under which packet.")]
Zone = Annotated[str | None, typer.Option("--zone", help="The time zone it is said in, else the person's own.")]

FOLDER = Path(".offboard")
PACKET = "standard-leaver"
