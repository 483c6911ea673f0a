"""`connector new`: for authors of connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.screen import complain, say


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the system, in lower-case letters, digits and _.")],
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Where the package's folder is made.", file_okay=False)
    ] = Path(),
) -> None:
    """Write the skeleton of a connector package: it passes its own tests, and its parts are there to be replaced."""
    from orchestrator.cli.connector_skeleton import NAME, skeleton

    if not NAME.match(name):
        complain(
            f"{name!r} cannot be the name of a connector.", "Use lower-case letters, digits and _, a letter first."
        )
        raise typer.Exit(REFUSED)
    folder = into / f"offboard-{name}"
    if folder.exists():
        complain(f"{folder} exists already.", "Choose another name, or another folder with --into.")
        raise typer.Exit(REFUSED)
    for path, text in skeleton(name).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    say(f"{folder} holds a connector package. Run its tests with pytest, then replace its parts by the vendor's.")
    say(f"Once it is installed, platform.yaml names it: connector: {name}@offboard-{name}==0.1.0")
