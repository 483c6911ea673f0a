"""The background tasks of a process. None of them ends unnoticed.

    start ─► work ─► stop                    the end that its owner asked for
               └───► an error, any other end  logged, reported to `on_death`: the process ends, and is started again

Work that repeats survives the errors that it knows; this is for all others. Tasks that their creator awaits need none
of it: the creator gets their errors. `tests/structure/test_created_tasks.py` lists these.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb
from typing import Any

log = logging.getLogger("offboard.background")

_on_death: list[tuple[asyncio.AbstractEventLoop, Callable[[str], None]]] = []


@contextmanager
def on_death(react: Callable[[str], None]) -> Iterator[None]:
    """Calls `react` with the name of each background task of this event loop that dies while the block runs. Several
    can listen: the entry point ends the process, telemetry counts, the web process is no longer ready."""
    entry = asyncio.get_running_loop(), react
    _on_death.append(entry)
    try:
        yield
    finally:
        _on_death.remove(entry)


class BackgroundTask:
    """`name` is for people, and the attribute of a metric: the kind of work, never a run or a person. `may_end`: the
    work can be over at any time, as for a message that is sent once."""

    def __init__(self, work: Coroutine[Any, Any, None], name: str, *, may_end: bool = False) -> None:
        self.name = name
        self._may_end = may_end
        self._stopping = False
        self._task = asyncio.create_task(work, name=name)
        self._task.add_done_callback(self._ended)

    @property
    def done(self) -> bool:
        return self._task.done()

    async def stop(self, *, within: float | None = 0.0) -> None:
        """Returns when the task has ended. It has `within` seconds to do so (None: as long as it takes), then it is
        cancelled. Its own error is not raised: it was reported when it happened."""
        self._stopping = True
        try:
            if within != 0.0:
                await asyncio.wait([self._task], timeout=within)
        finally:
            self._task.cancel()
        await asyncio.wait([self._task])

    def _ended(self, task: asyncio.Task[None]) -> None:
        cause = _cause(task)
        if cause == "it returned" and self._may_end:
            return
        if self._stopping and cause in ("it returned", "it was cancelled"):
            return
        listening = [react for loop, react in _on_death if loop is task.get_loop()]
        if cause == "it was cancelled" and not listening:
            return  # the event loop ends without the task's owner, as in a test or a short command
        log.critical("the background task “%s” ended: %s", self.name, cause)
        for react in listening:
            react(self.name)


def _cause(task: asyncio.Task[None]) -> str:
    """Type and place of an error. Its message may name a person."""
    if task.cancelled():
        return "it was cancelled"
    error = task.exception()
    if error is None:
        return "it returned"
    frames = extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
