"""One demo from start to end: starts all servers, runs the offboardings, shows the result, stops all servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from orchestrator.cli.terminal.screen import complain
from orchestrator.demo.comparison import compare, comparison_lines, comparison_shortcomings
from orchestrator.demo.people import Cast
from orchestrator.demo.picture import Picture
from orchestrator.demo.play import Play
from orchestrator.demo.screen import Screen
from orchestrator.demo.summary import (
    check_ledger,
    exception_lines,
    histories,
    leaver_table,
    ledger_lines,
    overview,
    retry_lines,
    shortcomings,
)
from orchestrator.embedded.server_process import EmbeddedServerError
from orchestrator.embedded.smaller_packet import SIMULATED, without_late_starts
from orchestrator.embedded.stack import Stack, stack_up

STOPPED_BY = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


class DemoSession:
    """The servers of one demo, what is shown meanwhile, and how it ends."""

    def __init__(self, cast: Cast, asks: bool, keep_up: bool, picture: Path | None) -> None:
        self.cast, self.keep_up = cast, keep_up
        self.screen = Screen(asks=asks)
        self.picture = Picture(picture) if picture is not None else None
        self.interruptible = False
        self.stop_wanted = False
        self.looked_around: asyncio.Event | None = None
        """There once all is done and the console stays up: set when the user quits."""

    async def run(self) -> int:
        with tempfile.TemporaryDirectory(prefix="offboard-demo-", ignore_cleanup_errors=True) as made:
            folder = Path(made)
            with _logs_in(folder / "demo.log"):
                # A server that is half started is hard to stop: an interrupt before all are up takes effect afterwards.
                async with stack_up(
                    folder / "stack", self.cast.people, self.screen.say, self.cast.staff, change=without_late_starts,
                    vendors=True,
                ) as stack:  # fmt: skip
                    if self.stop_wanted:
                        raise asyncio.CancelledError
                    self.interruptible = True
                    code = await self._show(stack)
                    await self._console(stack)
                    self.interruptible = False
                    self.screen.say("Stopping all servers")
        self.screen.say("All servers stopped, temporary data deleted.")
        return code

    async def _show(self, stack: Stack) -> int:
        screen = self.screen
        screen.say(f"All servers are running. Leavers come from {self.cast.source}.", "bold")
        screen.say(SIMULATED)
        for note in self.cast.notes:
            screen.say(note)
        if self.cast.left_over:
            screen.say(
                f"{self.cast.left_over} further leavers are skipped: the packet limits the number of runs per list."
            )
        play = Play(stack, self.cast, screen, self.picture.see if self.picture is not None else None)
        await play.begin()
        await play.go()
        if self.picture is not None:
            self.picture.save()
        return await self._sum_up(stack, play)

    async def _console(self, stack: Stack) -> None:
        """Says where the pages are, and at a terminal leaves them up."""
        screen = self.screen
        if not self.keep_up:
            screen.say(f"The web pages were at {stack.url}. In a terminal, or with --keep-up, they run until Ctrl-C.")
            return
        self.looked_around = asyncio.Event()
        acting = {member.employee_number for member in self.cast.staff}
        free = (p.employee_number for p in stack.company.people if not p.leaving and p.employee_number not in acting)
        screen.say(f"The web pages are at {stack.url} until Ctrl-C. Local sign-in, no password.", "bold")
        screen.say("As auditor: open a run to see its plan and activity; Outcomes shows how long access stayed open.")
        whom = next(free, "an employee")
        screen.say(f"As hr: preview and start a new run, for example for {whom}. Then approve it in the inbox as it.")
        if self.screen.gone:
            return  # the terminal is closed, so the user cannot end it
        await self.looked_around.wait()

    async def _sum_up(self, stack: Stack, play: Play) -> int:
        screen, leavers = self.screen, play.leavers
        ascii_only = screen.console.options.ascii_only
        history = await histories(stack, leavers)
        for leaver in leavers:
            screen.print(leaver_table(leaver, history[leaver.run_id], ascii_only))
        screen.print(Text("\nSummary", style="bold"), overview(leavers, ascii_only))
        for title, lines in (
            ("Exceptions and how they were resolved", [*exception_lines(leavers, history)]),
            ("Resolved automatically", [*retry_lines(leavers, history)]),
        ):
            if lines:
                screen.print(Text(f"\n{title}", style="bold"), *lines)
        compared = compare(play.before, await stack.company.standing(), leavers)
        screen.print(Text("\nCompared with the simulated systems", style="bold"), *comparison_lines(compared, leavers))
        checked = await check_ledger(stack)
        screen.print(Text("\nLedger", style="bold"), *ledger_lines(checked))
        for system, why in stack.company.missing.items():
            screen.print(Text(f"\nSkipped: all steps on the {system}, because {why}.", style="yellow"))
        wrong = [*shortcomings(leavers), *comparison_shortcomings(compared, leavers)]
        screen.print("")
        for line in wrong:
            screen.print(Text(f"Not done: {line}", style="bold red"))
        if wrong or not checked.verification.ok:
            return 1
        screen.say(f"{len(leavers)} people offboarded in {screen.elapsed:.0f} s.", "bold green")
        return 0


async def run_until_stopped(demo: DemoSession) -> int:
    """Runs the demo until it ends or a signal stops it. Then all servers are stopped in order, which further signals do
    not interrupt."""
    loop = asyncio.get_running_loop()
    stopped: list[signal.Signals] = []
    work = asyncio.create_task(demo.run(), name="demo")

    def stop(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            demo.screen.gone = True  # the terminal went away
        if demo.looked_around is not None:
            demo.looked_around.set()  # all was done before: this is how it ends
        elif not stopped:
            stopped.append(number)
            demo.screen.freeze()
            demo.screen.say("Stopping all servers.")
            demo.stop_wanted = True
            if demo.interruptible:
                work.cancel()

    for number in STOPPED_BY:
        loop.add_signal_handler(number, stop, number)
    try:
        return await work
    except asyncio.CancelledError:
        return STOPPED_BY[stopped[0]] if stopped else 1
    except EmbeddedServerError as error:
        if stopped:
            return STOPPED_BY[stopped[0]]
        complain(str(error), "All servers are stopped. Correct the problem and try again.")
        return 1
    finally:
        demo.screen.freeze()


@contextlib.contextmanager
def _logs_in(path: Path) -> Iterator[None]:
    """Warnings of libraries go to a file, not over the board."""
    handler = logging.FileHandler(path, delay=True)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
