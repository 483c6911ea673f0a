"""Which ends of a background task are reported."""

from __future__ import annotations

import asyncio
import logging

import pytest

from orchestrator.background import BackgroundTask, on_death


async def forever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return None


async def broken() -> None:
    raise ZeroDivisionError("a name")


async def cancelled() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("work", "cause"),
    [
        (broken, "ZeroDivisionError at test_task_ends.py:"),
        (at_once, "it returned"),
        (cancelled, "it was cancel"),
    ],
)
async def test_an_end_that_no_one_asked_for_is_logged_and_reported(
    work: object, cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    died: list[str] = []
    with on_death(died.append), caplog.at_level(logging.CRITICAL):
        task = BackgroundTask(work(), "the work")  # type: ignore[operator]
        async with asyncio.timeout(5):
            while not task.done:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        await task.stop()
    assert died == ["the work"]
    assert f"“the work” ended: {cause}" in caplog.text and "a name" not in caplog.text


async def test_an_end_that_was_asked_for_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    died: list[str] = []
    stopped = asyncio.Event()

    async def until_stopped() -> None:
        await stopped.wait()

    with on_death(died.append):
        await BackgroundTask(forever(), "cancelled by its owner").stop()
        await BackgroundTask(at_once(), "may end", may_end=True).stop(within=None)
        task = BackgroundTask(until_stopped(), "stopped by its owner")
        stopped.set()
        await task.stop(within=5)
    assert not died and "ended" not in caplog.text


async def test_a_task_that_fails_while_it_is_stopped_is_reported() -> None:
    died: list[str] = []

    async def fails_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    with on_death(died.append):
        task = BackgroundTask(fails_at_the_end(), "the work")
        await asyncio.sleep(0)
        await task.stop()
    assert died == ["the work"]
