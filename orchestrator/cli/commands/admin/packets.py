"""Commands of packet owners: `packet check`, `diff`, `sign`, `move`, `object` and `record`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.commands.admin.named_version import chosen
from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, ReasonOption
from orchestrator.cli.terminal.refusals import REFUSED, reporting_refusals
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import complain, instant, print_json, say
from orchestrator.documents.document import Document
from orchestrator.vocabulary.refused_packet_acts import refused_act
from orchestrator.vocabulary.states import CHANGE_KIND, PHASE, in_sentence, label

if TYPE_CHECKING:
    from orchestrator.domain.packet.packet import Packet
    from orchestrator.domain.packet.packet_yaml import PacketProblem

OPEN_RUNS = ("continue", "pause")
PHASES = ("draft", "shadow", "pilot", "production", "retired")
FolderOrName = Annotated[
    str, typer.Argument(metavar="PACKET", help="A folder with the three files, or a packet's name.")
]


def check(
    packet: FolderOrName,
    json: Json = False,
) -> None:
    """Check a packet's three files and list every problem by file, line and field. Needs no server. Notices list the
    systems that no step changes anything in, and what is not possible for every system of a class."""
    from orchestrator.documents.packets import class_steps

    with reporting_refusals():
        found, problems, notices = checked(packet)
    name, version = (found.name, found.version) if found is not None else (None, None)
    purpose = found.workflow.purpose if found is not None else None
    if json:
        documents = [problem.model_dump() for problem in problems]
        print_json(
            {
                "packet": name,
                "version": version,
                "purpose": purpose,
                "ok": not problems,
                "problems": documents,
                "notices": [notice.model_dump() for notice in notices],
                "class_steps": class_steps(found) if found is not None else [],
            }
        )
    elif problems:
        for problem in problems:
            complain(str(problem), "")
        complain(f"The packet has {_count(problems)}.", "Correct the files and check again.")
    else:
        say(f"Packet {name} {(version or '')[:12]} is valid.")
        say(f"Purpose: {purpose}")
    if not json and found is not None:
        for step in class_steps(found):
            say(_class_step(step))
        for notice in notices:
            say(f"Notice: {notice}")
    if problems:
        raise typer.Exit(REFUSED)


def local_packet(named: str) -> Packet:
    """The packet in a folder, or the starter packet of this name. Raises `PacketProblems`."""
    from orchestrator.domain.packet.packet_files import read_packet_folder, starter_names, starter_packet

    known = named in starter_names() and not Path(named).is_dir()
    return starter_packet(named) if known else read_packet_folder(Path(named))


def checked(named: str) -> tuple[Packet | None, list[PacketProblem], list[PacketProblem]]:
    """The packet with its problems and notices; None where the files cannot be read."""
    from connectors.people_csv.mapping import mapping_problems
    from connectors.registry import HR_KINDS, SETTINGS, SYSTEM_CLASSES, connector_kinds, why_missing
    from orchestrator.domain.packet.checks.notices import packet_notices
    from orchestrator.domain.packet.checks.packet_checks import check_packet, roles_spoken_of
    from orchestrator.domain.packet.class_steps import expanded
    from orchestrator.domain.packet.packet_yaml import PacketProblems

    try:
        packet = expanded(local_packet(named), connector_kinds(), SYSTEM_CLASSES)
    except PacketProblems as wrong:
        return None, list(wrong.problems), []
    roles = roles_spoken_of(packet)
    problems = check_packet(
        packet,
        connector_kinds(),
        settings=SETTINGS,
        roles_known=roles,
        why_missing=why_missing,
        hr_kinds=HR_KINDS,
        export_problems=mapping_problems,
    )
    return packet, problems, packet_notices(packet, connector_kinds(), SYSTEM_CLASSES)


def diff(
    packet: FolderOrName,
    version: Annotated[
        str | None, typer.Option("--version", help="A version of an adopted packet. Default: the newest.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before", help="The version to compare with. Default: the one in production, or else the one before."
        ),
    ] = None,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Compare two versions of a packet by meaning: each change is wording, stricter, laxer or other. A folder with the
    three files is compared without adopting it; steps for every system of a class are compared as they are written."""
    from orchestrator.documents.packet_changes import changes_document, counts_words

    with reporting_refusals():
        local = local_packet(packet) if Path(packet).is_dir() else None

    async def work() -> None:
        async with entering(folder, alias) as server:
            if local is None:
                known = str((await chosen(server, packet, version))["version"])
                found = await server.get("packets", packet, "versions", known, "changes", before=before)
            else:
                found = changes_document(await _compared_with(server, local.name, before), local)
        if json:
            print_json(found)
            return
        for change in found["changes"]:
            say(f"{label(change['kind'], CHANGE_KIND)}: {change['sentence']} ({change['file']})")
        if found["before"] is None:
            say(f"Packet {found['packet']} has no version to compare with.")
        else:
            said = counts_words(found["counts"])
            say(f"Packet {found['packet']}, from {found['before'][:12]} to {found['after'][:12]}: {said}.")

    carry_out(work())


async def _compared_with(server: Server, name: str, before: str | None) -> Packet | None:
    """The version that a folder is compared with; None if the packet has not been adopted."""
    from orchestrator.domain.packet.packet_files import parse_packet

    if name not in {one["name"] for one in (await server.get("packets"))["packets"]}:
        return None
    if before is None:
        versions = (await server.get("packets", name))["versions"]
        in_production = [one for one in versions if one["phase"] == "production"]
        before = str((in_production or versions)[-1]["version"])
    files = (await server.get("packets", name, "versions", before))["files"]
    return parse_packet({one["name"]: one["text"].encode() for one in files})


def _class_step(step: Document) -> str:
    return f"Step {step['name']} for every {step['every']}: {', '.join(step['steps']) or 'no system'}"


def _count(problems: list[PacketProblem]) -> str:
    return "one problem" if len(problems) == 1 else f"{len(problems)} problems"


def sign(
    packet: FolderOrName,
    phase: Annotated[
        str | None,
        typer.Option(
            "--phase",
            help="The phase to sign for, where wording or stricter changes allow a later one. Default: the next phase.",
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="A version of an adopted packet. Default: the newest.")
    ] = None,
    answers: Annotated[
        str | None,
        typer.Option("--answers", metavar="OBJECTION", help="The objection that the version in the folder answers."),
    ] = None,
    answer: Annotated[
        str | None, typer.Option("--answer", metavar="SENTENCE", help="How it answers the objection, for its author.")
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Sign a packet for its next phase, as one of its owners. A folder is checked and adopted first. Steps for every
    system of a class are listed with the steps that are signed."""
    if (answers is None) != (answer is None) or (answers is not None and not Path(packet).is_dir()):
        raise typer.BadParameter("give --answers and --answer together, with a folder that is adopted.")
    with reporting_refusals():
        wanted = _phase(phase) if phase is not None else None
        files = _files(Path(packet)) if Path(packet).is_dir() else None

    async def work() -> None:
        async with entering(folder, alias) as server:
            if files is not None:
                said = [{"objection": answers, "answer": answer}] if answers is not None else []
                adopted = await server.post("packets", body={**files, **({"answers": said} if said else {})})
                name, known = adopted["packet"], adopted["version"]
            else:
                name, known = packet, str((await chosen(server, packet, version))["version"])
            state = await server.post("packets", name, "versions", known, "signatures", body={"phase": wanted})
            _print_phase(name, state)
            for step in (await server.get("packets", name, "versions", known))["meaning"]["class_steps"]:
                say(_class_step(step))
            if state["required"]["direct"] and wanted is None:
                say("All its changes are wording or stricter. --phase production signs it for production directly.")
            for signature in state["signatures"]:
                phase_words = in_sentence(label(signature["phase"], PHASE))
                say(f"Signed for {phase_words} by {signature['by']} ({signature['owner']} owner).")

    carry_out(work())


def _files(folder: Path) -> dict[str, str]:
    """The three files as the server takes them. What is wrong in them is reported here, before anything is sent."""
    from orchestrator.domain.packet.packet_files import read_packet_folder

    files = read_packet_folder(folder).files
    return {name.removesuffix(".yaml"): text.decode() for name, text in files.items()}


def move(
    packet: Annotated[str, typer.Argument(metavar="PACKET", help="The packet's name.")],
    phase: Annotated[
        str, typer.Argument(metavar="PHASE", help="draft, shadow (dry run), pilot, production or retired.")
    ],
    version: Annotated[str | None, typer.Option("--version", help="The version. Default: the newest.")] = None,
    open_runs: Annotated[
        str | None,
        typer.Option(
            "--open-runs",
            metavar="continue|pause",
            help="For a move back or to retired: whether open runs of the version continue, or those that you can see "
            "are paused. Asked at a terminal. Default elsewhere: continue.",
        ),
    ] = None,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Change a packet's phase: forward with the signatures that its changes need, back by either owner alone."""
    if open_runs not in (None, *OPEN_RUNS):
        raise typer.BadParameter(f"--open-runs is one of: {', '.join(OPEN_RUNS)}.")

    async def work() -> None:
        wanted = _phase(phase)
        async with entering(folder, alias) as server:
            known = await chosen(server, packet, version)
            named, running = str(known["version"]), known.get("open_runs", 0) if _back(known["phase"], wanted) else 0
            what = open_runs or (_asked_about(running) if running else "continue")
            said = {"phase": wanted, "reason": reason, **({"open_runs": what} if running else {})}
            _print_phase(packet, await server.post("packets", packet, "versions", named, "moves", body=said))
            if running:
                say(f"{_runs(running)} of this version: {'paused' if what == 'pause' else 'continued under it'}.")

    carry_out(work())


def object_to(
    packet: Annotated[str, typer.Argument(metavar="PACKET", help="The packet's name.")],
    reason: ReasonOption = None,
    withdraw: Annotated[
        str | None, typer.Option("--withdraw", metavar="OBJECTION", help="Withdraw your objection with this ID.")
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="The version. Default: the newest.")] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Object to a packet version as one of its owners, with --reason. It does not go to a later phase until you
    withdraw the objection; a new version can."""
    if (reason is None) == (withdraw is None):
        raise typer.BadParameter("give either --reason or --withdraw.")

    async def work() -> None:
        async with entering(folder, alias) as server:
            known = str((await chosen(server, packet, version))["version"])
            path = ("packets", packet, "versions", known, "objections")
            if withdraw is not None:
                await server.post(*path, withdraw, "withdrawal")
                say(f"Objection {withdraw} to packet {packet} {known[:12]} is withdrawn.")
                return
            state = await server.post(*path, body={"reason": reason})
            say(f"Objection {state['objections'][-1]['objection']} to packet {packet} {known[:12]} is recorded.")

    carry_out(work())


def record(
    packet: Annotated[str, typer.Argument(metavar="PACKET", help="The packet's name.")],
    version: Annotated[str | None, typer.Option("--version", help="The version. Default: the newest.")] = None,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Show who adopted, signed, moved and objected to a packet version, when, and on which changes."""
    from orchestrator.documents.packet_changes import counts_words

    async def work() -> None:
        async with entering(folder, alias) as server:
            known = str((await chosen(server, packet, version))["version"])
            found = await server.get("packets", packet, "versions", known, "record")
        if json:
            print_json(found)
            return
        _print_phase(packet, {"version": found["version"], "phase": found["phase"]})
        for one in sorted([*found["adopted"], *found["signatures"], *found["moves"]], key=lambda one: one["position"]):
            say(f"{instant(one['at'])}  {_recorded(one)}")
        for one in found["objections"]:
            said = one["reason"] or "The reason was erased."
            say(f"{instant(one['at'])}  {one['by']} objected ({one['state']}): {said}")
            if one.get("answer"):  # an older server has no answers
                say(f"  Version {one['answered_by'][:12]} answers {one['objection']}: {one['answer']}")
        for one in found.get("refused", ()):  # an older server records none
            say(f"{instant(one['at'])}  {one['by']}: {refused_act(one)}")
        for compared in found["changes"]:
            before = f"version {compared['before'][:12]}" if compared["before"] else "no version in production"
            say(f"Compared with {before}: {counts_words(compared['counts'])}.")
            for change in compared["changes"]:
                say(f"  {label(change['kind'], CHANGE_KIND)}: {change['sentence']}")

    carry_out(work())


def _recorded(one: Document) -> str:
    if "from_phase" in one:
        phases = (in_sentence(label(one[name], PHASE)) for name in ("from_phase", "phase"))
        reason = f": {one['reason']}" if one["reason"] else "."
        return f"{one['by']} moved it from {' to '.join(phases)}{reason}"
    if "owner" in one:
        against = f", compared with version {one['compared_with'][:12]}" if one["compared_with"] else ""
        phase = in_sentence(label(one["phase"], PHASE))
        return f"{one['by']} signed it for {phase} as {one['owner']} owner{against}."
    return f"{one['by']} adopted it."


def _back(phase: str, wanted: str) -> bool:
    return phase != "retired" and (wanted == "retired" or PHASES.index(wanted) < PHASES.index(phase))


def _asked_about(running: int) -> str:
    """Asked at a terminal only: a program continues them, which changes nothing about runs."""
    if not sys.stdin.isatty():
        return "continue"
    are = "is" if running == 1 else "are"
    say(f"{_runs(running)} of this version {are} open. Paused runs remove no access until they are resumed.")
    answer = ""
    while answer not in OPEN_RUNS:
        answer = str(typer.prompt("Continue or pause?")).strip().lower()
    return answer


def _runs(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def _print_phase(packet: str, state: Document) -> None:
    say(f"Packet {packet} {state['version'][:12]} is in the phase {in_sentence(label(state['phase'], PHASE))}.")


def _phase(text: str) -> str:
    if text not in PHASES:
        raise LocalRefusal("unknown_phase", f"There is no phase {text[:40]}.", f"Use one of: {', '.join(PHASES)}.")
    return text
