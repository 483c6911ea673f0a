"""The command line `offboard`. People's commands ask the API and show its answer; administrators' work beside the
database."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

HR, APPROVERS, OPERATORS, OWNERS, SIGNING_IN, ADMINISTRATORS = (
    "HR and general use", "Approvers", "Operators", "Packet owners", "Sign-in", "Administrators",
)  # fmt: skip


def make_app() -> typer.Typer:
    """The commands, by who uses them. Modules are imported here, so that importing this package costs nothing; what
    administrators' commands need (SQLAlchemy, Temporal, the embedded servers) is imported when one of them runs."""
    from orchestrator.cli.commands import (
        away,
        decisions,
        erasing,
        finding,
        legal_holds,
        operating,
        reconciling,
        replaying,
        restoring,
        runs,
        serving,
        tasks,
        watching,
    )
    from orchestrator.cli.commands.admin import (
        backups,
        connecting,
        connector,
        credentials,
        held_starts,
        ledger,
        mail,
        packets,
        setup_checklist,
        system_tests,
        systems,
    )
    from orchestrator.cli.commands.exceptions import doing_by_hand, exception_records, exceptions
    from orchestrator.cli.commands.starts import hr_files, starts
    from orchestrator.cli.server import doctor, healthy, signing_in

    app = _group("Offboard people: remove access step by step, with approvals and a verifiable record.")
    app.callback()(_options)
    _add(
        app,
        HR,
        starts.start,
        runs.reschedule,
        runs.urgent,
        restoring.restore_access,
        runs.end,
        runs.embargo,
        erasing.erase,
        runs.runs,
        runs.show,
        finding.find,
        watching.watch,
    )
    of_legal_holds = _group("Place and lift legal holds: nothing that destroys data runs under one.")
    _add(of_legal_holds, None, legal_holds.place, legal_holds.lift)
    app.add_typer(of_legal_holds, name="legal-hold", rich_help_panel=HR)
    for_hr = _group("Check HR's exports.")
    _add(for_hr, None, hr_files.check)
    app.add_typer(for_hr, name="hr", rich_help_panel=HR)
    _add(app, APPROVERS, decisions.inbox, decisions.approve, decisions.reject)
    _listing(app, APPROVERS, "away", "Delegate your approvals to a colleague for a time.", away.away, away.to, away.end)
    of_tasks = "List and complete manual tasks."
    _listing(app, OPERATORS, "tasks", of_tasks, tasks.tasks, tasks.complete)
    of_exceptions = "List and resolve exceptions."
    settling = (exceptions.settle, doing_by_hand.done, exceptions.accept, exceptions.assign, exceptions.replan)
    records = (
        exception_records.waive,
        exception_records.owner,
        exception_records.snooze,
        exception_records.comment,
    )
    _listing(app, OPERATORS, "exceptions", of_exceptions, exceptions.exceptions, *settling, *records)
    of_starts = "List held starts; confirm or release them."
    _listing(app, OPERATORS, "starts", of_starts, held_starts.starts, held_starts.release, held_starts.confirm)
    of_systems = "List a packet's systems, check and test them, connect others, and list accounts without an owner."
    below = (systems.check, system_tests.test, connecting.connect, systems.orphans)
    _listing(app, OPERATORS, "systems", of_systems, systems.systems, *below)
    _add(app, OPERATORS, operating.retry, operating.skip, replaying.replay, operating.hold, operating.release)
    _add(app, OPERATORS, reconciling.reconcile)
    of_tokens = "List and revoke API tokens; change who answers for a service."
    _listing(app, OWNERS, "tokens", of_tokens, credentials.tokens, credentials.owners, credentials.revoke)
    of_sessions = "List and end sessions in browsers."
    _listing(app, OWNERS, "sessions", of_sessions, credentials.sessions, credentials.end)
    _add(app, OWNERS, credentials.revoke_role)
    for_ledger = _group("Sign, verify and export the ledger; rebuild the read tables.")
    _add(for_ledger, None, ledger.checkpoint, ledger.verify, ledger.rebuild, ledger.export, ledger.key, serving.migrate)
    _add(for_ledger, None, ledger.new_master_key, ledger.rewrap)
    for_connectors = _group("Create connector packages for other systems.")
    _add(for_connectors, None, connector.new)
    app.add_typer(for_connectors, name="connector", rich_help_panel=ADMINISTRATORS)
    for_mail = _group("Test the mail server for notices.")
    _add(for_mail, None, mail.test)
    app.add_typer(for_mail, name="mail", rich_help_panel=ADMINISTRATORS)
    for_packets = _group("Check, compare, sign and object to packets, and change their phase.")
    _add(for_packets, None, packets.check, packets.diff, packets.sign, packets.move, packets.record)
    for_packets.command("object")(packets.object_to)
    app.add_typer(for_packets, name="packet", rich_help_panel=OWNERS)
    app.add_typer(for_ledger, name="ledger", rich_help_panel=ADMINISTRATORS)
    _add(app, SIGNING_IN, signing_in.login, signing_in.logout, signing_in.whoami)
    _add(
        app,
        ADMINISTRATORS,
        setup_checklist.checklist,
        serving.up,
        serving.demo,
        serving.worker,
        serving.relay,
        serving.web,
        serving.migrate,
        healthy.healthy,
        doctor.doctor,
        backups.backup,
        backups.restore,
    )
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"offboard {version('offboard')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Offboard people: remove access step by step, with approvals and a verifiable record."""


def _listing(
    app: typer.Typer, panel: str, name: str, help_text: str, lists: Callable[..., None], *commands: Callable[..., None]
) -> None:
    """A command that lists, with others below it."""
    group = typer.Typer(help=help_text)
    group.callback(invoke_without_command=True)(lists)
    _add(group, None, *commands)
    app.add_typer(group, name=name, rich_help_panel=panel)


def _group(help_text: str) -> typer.Typer:
    return typer.Typer(
        help=help_text,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def _add(app: typer.Typer, panel: str | None, *commands: Callable[..., None]) -> None:
    for command in commands:
        app.command(rich_help_panel=panel)(command)


def main() -> None:
    """The entry point. Ends the process deliberately: Temporal's library may trip over the interpreter's own end."""
    logging.getLogger().addHandler(logging.NullHandler())
    code = 0
    try:
        make_app()()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except KeyboardInterrupt:
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)
