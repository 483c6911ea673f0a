"""The output of the demo: a live board with questions on a terminal, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

DEFAULT_COLUMNS = 100  # columns of a table where there is no terminal


class Screen:
    """`asks`: a person uses the terminal. Otherwise nothing moves the cursor.

    The reader can go away (a closed pipe, a hung-up terminal): then `gone` is true and nothing is written."""

    def __init__(self, *, asks: bool) -> None:
        self.asks = asks
        self.gone = False
        self.started = time.monotonic()
        width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS") or DEFAULT_COLUMNS)
        self.console = Console(
            highlight=False, markup=False, emoji=False, width=width, force_terminal=None if asks else False
        )
        self._live: Live | None = None
        self._typed = b""
        self._ended = False

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def say(self, text: str | Text, style: str = "") -> None:
        """One line of what happens, with the time since the beginning."""
        stamp = f"{self.elapsed:6.1f} s  "
        line = Text(stamp, style="dim").append_text(text if isinstance(text, Text) else Text(text, style=style))
        with self._writing():
            self.console.print(line, soft_wrap=not self.asks)

    def print(self, *what: RenderableType) -> None:
        with self._writing():
            for one in what:
                self.console.print(one)

    def show(self, board: RenderableType) -> None:
        """The board as it is now; drawn at the terminal's foot until `freeze`."""
        if not self.asks or self.gone:
            return
        with self._writing():
            if self._live is None:
                self._live = Live(console=self.console, auto_refresh=False, transient=True)
                self._live.start()
            self._live.update(board, refresh=True)

    def freeze(self, keep: RenderableType | None = None) -> None:
        """Takes the board off; `keep` stays in its place."""
        live, self._live = self._live, None
        with self._writing():
            if live is not None:
                live.stop()
            if keep is not None:
                self.console.print(keep)

    async def ask(self, prompt: str) -> str | None:
        """What is typed after the prompt, without white space around it; None when the input has ended."""
        self.freeze()
        with self._writing():
            self.console.print(Text(prompt, style="bold"), end=" ")
            self.console.file.flush()
        line = await self._line()
        return None if line is None else line.strip()

    async def _line(self) -> str | None:
        """Read by the event loop and not by a thread: a thread that waits for a key would keep the program alive."""
        while b"\n" not in self._typed and not self._ended:
            loop, ready = asyncio.get_running_loop(), asyncio.Event()
            loop.add_reader(0, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(0)
            try:
                more = os.read(0, 4096)
            except OSError:
                more = b""
            self._typed += more
            self._ended = not more
        if b"\n" not in self._typed:
            return None
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        if self.gone:
            return_to = self.console.file
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path of ours
                self.console.file = nowhere
                try:
                    yield
                finally:
                    self.console.file = return_to
            return
        try:
            yield
        except (OSError, SystemExit):
            # rich turns a closed pipe into SystemExit; we still have servers to take down, in order.
            self.gone = True
