"""The command `connector new`, for authors of connectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.screen import complain, say


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The connector's name: lower-case letters, digits and _.")
    ],
    into: Annotated[
        Path,
        typer.Option("--into", metavar="FOLDER", help="The folder in which the package is created.", file_okay=False),
    ] = Path(),
) -> None:
    """Create a connector package from a template whose tests pass. Replace its parts with the vendor's."""
    from orchestrator.cli.commands.admin.connector_skeleton import NAME, skeleton

    if not NAME.fullmatch(name):
        complain(
            f"{name!r} cannot be the name of a connector.",
            "Use lower-case letters, digits and _. It begins with a letter and does not end with _.",
        )
        raise typer.Exit(REFUSED)
    folder = into / f"offboard-{name}"
    if folder.exists() or folder.is_symlink():
        complain(f"{folder} exists already.", "Choose another name, or another folder with --into.")
        raise typer.Exit(REFUSED)
    try:
        for path, text in skeleton(name).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    except OSError as error:
        complain(f"{folder} cannot be written: {error.strerror}.", "Choose another folder with --into.")
        raise typer.Exit(REFUSED) from None
    say(f"Once it is installed, use it in platform.yaml: connector: {name}@offboard-{name}==0.1.0")
