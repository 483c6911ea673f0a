"""Runs: `runs`, `show`, `reschedule`, `urgent`, `end`, `embargo`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.names import colleague_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, NeededReasonOption, ReasonOption, RunArgument
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import print_run, still_removed_lines
from orchestrator.cli.terminal.screen import cutoff, instant, name, print_json, say, table, when
from orchestrator.cli.terminal.step_words import steps_done
from orchestrator.documents.document import Document
from orchestrator.vocabulary.durations import length
from orchestrator.vocabulary.states import REVERSIBLE, RUN, in_sentence, label


def runs(
    alias: As = None,
    state: Annotated[
        list[str] | None,
        typer.Option("--state", help="Filter: open, finished or the code of a state (docs/json.md). Repeatable."),
    ] = None,
    legal_hold: Annotated[bool, typer.Option("--legal-hold", help="Only runs with a legal hold in force.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Continue after the end of the previous page.")] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List runs, newest first."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get(
                "runs", state=state or None, legal_hold=legal_hold or None, after=after, limit=limit
            )

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["runs"]:
        say("No runs.")
        return
    table(
        ("Run", "Person", "State", "Cutoff", "Steps", "Open items", "Next due"),
        [
            (
                run["run_id"],
                name(run["person"]),
                label(run["state"], RUN) + marks(run),
                cutoff(run["cutoff"], run["zone"]),
                f"{steps_done(run['summary'])}/{run['summary']['steps']}",
                waiting(run["summary"]),
                instant(run["due_at"]),
            )
            for run in found["runs"]
        ],
    )
    if found["after"] is not None:
        say(f"Next page: offboard runs --after {found['after']}")


def marks(run: Document) -> str:
    """What is added to a run's state. An older server does not say which runs are dry runs."""
    dry = ", dry run" if run.get("shadow") and run["state"] != "shadow" else ""
    return dry + (", legal hold" if run.get("legal_hold") else "")


def waiting(summary: dict[str, int]) -> str:
    words = (("gate", "open_gates"), ("task", "open_tasks"), ("exception", "open_exceptions"))
    counted = [(word, summary.get(key, 0)) for word, key in words]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counted if count)


def show(
    run_id: RunArgument,
    alias: As = None,
    events: Annotated[bool, typer.Option("--events", help="Include the activity, in order.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Show a run: its steps with evidence, decisions, and open items with their owner."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.run(run_id, events=events)

    document = carry_out(work())
    if json:
        print_json(document)
    else:
        print_run(document)
        for line in [*_attached(document), *_access_gone(document)]:
            say(line)


def _attached(document: Document) -> Iterator[str]:
    for step in document["steps"]:
        evidence = step["evidence"] if isinstance(step["evidence"], dict) else {}
        for file in evidence.get("attachments") or ():
            about = f"{file['media_type']}, {file['bytes']} bytes, sha256 {file['sha256']}"
            yield f"Attached to {step['name']}: {file['name']} ({about})"


def _access_gone(document: Document) -> Iterator[str]:
    """An older server says only when access was gone."""
    gone, promised = document["access_gone_at"], f"target: within {length(document['access_gone_within'])}"
    removed = document.get("access_verified_at") or gone
    if removed is None:
        return
    late = when(gone or removed) - when(document["cutoff"])
    words = f"{length(late)} after the cutoff" if late >= timedelta(0) else f"{length(-late)} before the cutoff"
    if gone is None:
        systems = ", ".join(document["tokens_unknown_on"])
        yield f"Access removed {words} ({promised})"
        yield f"For how long tokens that were issued before are accepted on {systems} is not known: set token_lifetime."
    elif when(gone) > datetime.now(UTC):
        yield f"Removed; old tokens are accepted until {instant(gone)}, {words} ({promised})"
    else:
        yield f"Access removed {words} ({promised})"


def reschedule(
    run_id: RunArgument,
    moved_to: Annotated[str, typer.Option("--cutoff", metavar="TIME", help="When access ends: 2026-11-30T17:00.")],
    zone: Annotated[str | None, typer.Option("--zone", help="The time zone of the cutoff. Default: the run's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before moving the cutoff to a later time.")] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Change a run's cutoff. A later one keeps access open: what stays open is shown, and a terminal asks."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            said = {"cutoff": moved_to, "zone": zone or run["zone"]}
            added = await server.get("runs", run["run_id"], "exposure", **said)
            if added["added_seconds"]:
                tasks = added.get("tasks", [])  # an older server has them among the systems
                systems = ", ".join(added["systems"]) or ("" if tasks else "no system that was searched")
                say(
                    f"Access stays open {length(timedelta(seconds=added['added_seconds']))} longer"
                    + (f" on {systems}" if systems else "")
                    + f"; privileged accounts: {added['privileged_accounts']}."
                    + (f" Tasks that remove access and are not completed: {', '.join(tasks)}." if tasks else ""),
                    style="yellow",
                )
                if not yes and sys.stdin.isatty() and not typer.confirm("Move the cutoff?", default=False):
                    say("The cutoff is unchanged.")
                    raise typer.Exit(1)
            done = await server.post("runs", run["run_id"], "reschedule", body=said)
            if done["events"]:
                run = await server.run(run["run_id"])
                say(f"Run {run['run_id']}: access ends {cutoff(run['cutoff'], run['zone'])}.")
            else:
                say(f"Run {run['run_id']}: the cutoff is already set to this time.")
            print_outcome(done)

    carry_out(work())


def urgent(
    run_id: RunArgument,
    reason: ReasonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Required outside of a terminal.")] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Make a scheduled run urgent: immediately run the reversible steps that remove access, before approval."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            if not yes:
                if not sys.stdin.isatty():
                    raise LocalRefusal(
                        "confirmation_missing",
                        "An urgent run removes access immediately, and this was not confirmed.",
                        "Check the run with `offboard show`, then add --yes.",
                    )
                say(f"{name(run['person'])}, cutoff {cutoff(run['cutoff'], run['zone'])}: access ends now instead.")
                say("Reversible steps that remove access run before approval.")
                if not typer.confirm("Remove this access now?", default=False):
                    say("The run is unchanged.")
                    raise typer.Exit(1)
            done = await server.post("runs", run["run_id"], "urgent", body={"reason": reason})
            say(f"Run {run['run_id']} is {'urgent' if done['events'] else 'urgent already'}.")
            print_outcome(done)

    carry_out(work())


def end(run_id: RunArgument, reason: NeededReasonOption, alias: As = None, folder: Folder = FOLDER) -> None:
    """Cancel a run. Completed steps stay completed; no further step runs."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            done = await server.post("runs", found, "end", body={"reason": reason})
            say(f"Run {found} is cancelled.")
            # An older server does not say which steps have changed something.
            run = await server.run(found)
            left = [step for step in run["steps"] if step.get("changed")]
            if left:
                say("These changes stay. An exception opens for each of their systems:", style="yellow")
            for step in left:
                undone = in_sentence(label(step["reversible"], REVERSIBLE))
                maybe = "" if step["status"] in ("verified", "attested") else "; it may have taken effect"
                say(f"  {step['title']} ({step['system']}): {undone}{maybe}")
            if lines := list(still_removed_lines(run)):
                say(
                    "This is not restored and stays removed. An exception opens for each of the systems, except for "
                    "what was skipped:",
                    style="yellow",
                )
            for line in lines:
                say(line)
            print_outcome(done)

    carry_out(work())


def embargo(
    run_id: RunArgument,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="TIME", help="The new end: 2026-11-30T17:00, in your time zone or with an offset."
        ),
    ] = None,
    over: Annotated[
        bool, typer.Option("--end", help="End the embargo now. The complete record becomes visible.")
    ] = False,
    named: Annotated[
        list[str] | None,
        typer.Option("--named", metavar="NAME", help="Who can see the run until then. Repeatable."),
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Change or end a run's embargo. Until its end the run is visible only to the people named."""
    if (until is None) == (not over) or (over and named):
        raise typer.BadParameter("Use --until TIME (and --named to change who can see the run), or --end.")
    carry_out(_embargo(run_id, until, named or [], alias, folder))


async def _embargo(run_id: str, until: str | None, named: list[str], alias: str | None, folder: Path) -> None:
    at = instant_given(until) if until is not None else None
    async with entering(folder, alias) as server:
        found = (await server.run(run_id))["run_id"]
        members = (await server.get("staff"))["members"] if named else []
        said = {"until": at, "named": [colleague_named(members, one) for one in named]}
        done = await server.post("runs", found, "embargo", body=said, with_nulls=True)
        say(f"Run {found}: " + ("the embargo has ended." if at is None else f"under embargo until {instant(at)}."))
        print_outcome(done)
