"""Commands about a packet version in the dry run phase: `packet shadow` and `packet judge`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.commands.admin.named_version import chosen
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, NeededReasonOption
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import ACCOUNT_CHANGE, COMPARISON_RESULT, STEP_SHOWN, in_sentence, label

VERDICTS = ("plan_wrong", "wrong_account", "people_missed", "plan_missed", "out_of_scope")


def shadow(
    packet: Annotated[str, typer.Argument(metavar="PACKET", help="The packet's name.")],
    version: Annotated[
        str | None, typer.Option("--version", help="The version. Default: the newest in the dry run phase.")
    ] = None,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Compare a packet version's dry runs with what was done: its figures, and each difference."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            known = str((await chosen(server, packet, version, phase="shadow"))["version"])
            found = await server.get("packets", packet, "versions", known, "shadow")
        if json:
            print_json(found)
            return
        figures = found["figures"]
        say(f"Packet {packet} {found['version'][:12]}: {figures['people']} people compared in {figures['days']} days.")
        for name in ("precision", "recall"):
            say(f"{name.capitalize()}: {_share(figures[name])}.")
        say(f"Wrong accounts: {figures['wrong_accounts']}. Not judged: {figures['unjudged']}.")
        for what in ("steps", "changes"):
            counts = [f"{in_sentence(label(name, COMPARISON_RESULT))} {n}" for name, n in figures[what].items() if n]
            if counts:
                say(f"{what.capitalize()}: {', '.join(counts)}.")
        for one in found["differences"]:
            say(_difference(one))

    carry_out(work())


def _share(share: Document) -> str:
    if share["value"] is None:
        return "nothing to compare"
    return f"{int(share['value'] * 1000) / 10} % ({share['part']} of {share['whole']})"


def _difference(one: Document) -> str:
    shown = label(one["shown"], STEP_SHOWN if one["kind"] == "step" else ACCOUNT_CHANGE) if one["shown"] else ""
    what = one["title"] or shown
    at = f", {in_sentence(shown)} at {instant(one['shown_at'])}" if one["kind"] == "step" and one["shown"] else ""
    account = f" ({one['account']})" if one["account"] else ""
    line = f"{label(one['result'], COMPARISON_RESULT)}: {what}, {one['system']}{account}{at}"
    judged = one["judgement"]
    said = f". {judged['by']}: {judged['reason'] or 'The reason was erased.'}" if judged else ""
    return f"{line}. Run {one['run_id']}, {one['about']}{said}"


def judge(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The dry run.")],
    about: Annotated[str, typer.Argument(metavar="DIFFERENCE", help="The ID of the step or change.")],
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help=f"One of: {', '.join(VERDICTS)}.")],
    reason: NeededReasonOption,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Judge a difference between a dry run and what was done, with --reason. The last judgement counts."""
    if verdict not in VERDICTS:
        raise typer.BadParameter(f"VERDICT is one of: {', '.join(VERDICTS)}.")

    async def work() -> None:
        async with entering(folder, alias) as server:
            body = {"verdict": verdict, "reason": reason}
            await server.post("runs", run, "differences", about, "judgement", body=body)
            say(f"Judged: {in_sentence(label(verdict, COMPARISON_RESULT))}.")

    carry_out(work())
