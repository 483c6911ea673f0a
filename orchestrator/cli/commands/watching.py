"""The command `watch`: a run in progress, from the server's stream of events."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

from rich.console import Console
from rich.live import Live

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Server, Unreachable
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, RunArgument
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import event_line
from orchestrator.cli.terminal.run_view import RunView
from orchestrator.cli.terminal.screen import note, print_json, say
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import RUN, in_sentence, label


def watch(run_id: RunArgument, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """Follow a run until it ends. Ctrl-C stops watching; the run continues. With --json, one line an event."""
    try:
        carry_out(_watch(run_id, alias, folder, json))
    except KeyboardInterrupt:
        if not json:
            say("The run continues.")


async def _watch(run_id: str, alias: str | None, folder: Path, json: bool) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    async with entering(folder, alias) as server:
        run = await server.run(run_id)
        if json:
            await _as_json(server, run["run_id"])
            return
        if console.is_terminal and not console.is_dumb_terminal:
            run = await _live(server, run, console)
        else:
            run = await _plainly(server, run)
        say(f"Run {run['run_id']}: {in_sentence(label(run['state'], RUN))}.")


async def _live(server: Server, run: Document, console: Console) -> Document:
    """The whole run drawn again whenever something happened in it."""
    with Live(RunView(run, server.now), console=console, refresh_per_second=4) as live:
        async with aclosing(server.follow(run["run_id"], run["version"], _lost)) as events:
            async for event in events:
                if event.version > run["version"]:  # it may have gone on since the event was sent
                    run = await _looked(server, run)
                    live.update(RunView(run, server.now))
        run = await server.run(run["run_id"])
        live.update(RunView(run, server.now))
    return run


async def _looked(server: Server, run: Document) -> Document:
    """The run as it is now; as it was where the server does not respond: the next event brings another read."""
    try:
        return await server.run(run["run_id"])
    except Unreachable:
        return run


async def _plainly(server: Server, run: Document) -> Document:
    """One line for each event, when it arrives."""
    async with aclosing(server.follow(run["run_id"], 0, _lost)) as events:
        async for event in events:
            step = event.document["data"].get("step_id")
            if step and all(known["step_id"] != step for known in run["steps"]):
                run = await _looked(server, run)  # planned since we looked
            say(event_line(run, event.document))
    return await server.run(run["run_id"])


async def _as_json(server: Server, run_id: str) -> None:
    """Each event as a document on a line of its own, written at once, since programs read it while it grows."""
    async with aclosing(server.follow(run_id, 0, _lost)) as events:
        async for event in events:
            print_json({"run_id": run_id, **event.document}, indent=None)


def _lost() -> None:
    note("The server does not respond; reconnecting. The run continues.")
