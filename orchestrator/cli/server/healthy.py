"""The command `healthy`, for health checks of containers: whether servers respond and this process does its work."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, Folder
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import say

if TYPE_CHECKING:
    from orchestrator.backend import Backend
    from orchestrator.engine import Engine
    from orchestrator.settings import Settings

RELAY_TIMEOUT_SECONDS = 8.0
"""Seconds in which a relay passes what is in the ledger; it looks every second."""
POLL_SECONDS = 0.5
WEB_TIMEOUT_SECONDS = 10.0


class Unwell(LocalRefusal):
    """What does not work, and what to look at."""


def healthy(
    worker: Annotated[bool, typer.Option("--worker", help="Check that a worker on this host polls for work.")] = False,
    relay: Annotated[bool, typer.Option("--relay", help="Check that a relay follows the ledger.")] = False,
    web: Annotated[bool, typer.Option("--web", help="Check that this host serves the web pages and the API.")] = False,
    folder: Folder = FOLDER,
) -> None:
    """Check that the ledger and Temporal can be used from here. Changes nothing; exit code 0 or 1."""
    carry_out(_served() if web else _healthy(worker, relay, folder))


async def _served() -> None:
    """Asked where it listens, by the name that it answers to. Needs no login of its own to the ledger."""
    import httpx

    from orchestrator.web.settings import WebSettings

    settings = WebSettings.read(os.environ)
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # what it may be set to
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/api/v1/readiness"
    try:
        async with httpx.AsyncClient(timeout=WEB_TIMEOUT_SECONDS) as client:
            answered = await client.get(address, headers={"Host": urlsplit(settings.public_url).netloc})
    except httpx.HTTPError as error:
        raise Unwell(
            "silent", f"{address} does not respond ({type(error).__name__}).", "Check the log of the web process."
        ) from error
    if answered.status_code != 200:
        raise Unwell(
            "not_ready",
            f"{address} responds with {answered.status_code}.",
            "Check that the web process can reach the ledger.",
        )
    say("Healthy.")


async def _healthy(worker: bool, relay: bool, folder: Folder) -> None:
    from orchestrator.backend import engine_address, open_backend
    from orchestrator.cli.server.installation import server_settings
    from orchestrator.engine import Engine

    settings = await asyncio.to_thread(server_settings, folder)
    async with open_backend(settings, abilities={}) as backend:
        await (await backend.database.dedicated()).close()  # said at once where a pool would go on trying
        await backend.ledger.now()
        engine = await Engine.connect(engine_address(settings))
        if worker:
            await _asks_for_work(engine, settings)
        if relay:
            await _is_followed(backend)
    say("Healthy.")


async def _asks_for_work(engine: Engine, settings: Settings) -> None:
    """For every queue that a worker with these settings serves: one on this host has asked for activities recently.
    Temporal lists it for five minutes; the clock of this host does not count, since it can be wrong."""
    from temporalio.api.enums.v1 import TaskQueueType
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
    from temporalio.service import RPCError

    from orchestrator.engine import ANSWER_WITHIN
    from orchestrator.workflows.inquiry import inquiry_queue

    here = f"@{socket.gethostname()}"
    own = settings.temporal_task_queue
    for queue in (own, inquiry_queue(own), *settings.queues):
        request = DescribeTaskQueueRequest(
            namespace=settings.temporal_namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        try:
            described = await engine.client.workflow_service.describe_task_queue(request, timeout=ANSWER_WITHIN)
        except RPCError as error:
            raise Unwell(
                "namespace",
                f"Temporal cannot describe the task queue {queue}: {error.status.name}.",
                f"Check that the namespace {settings.temporal_namespace} exists and that this worker can use it.",
            ) from error
        if not any(poller.identity.endswith(here) for poller in described.pollers):
            raise Unwell("idle", f"No worker on this host polls the task queue {queue}.", "Check the worker's log.")


async def _is_followed(backend: Backend) -> None:
    """What was in the ledger at the start is passed soon, or was already."""
    from orchestrator.ledger.engine import engine_reports
    from orchestrator.relay import CURSOR

    loop = asyncio.get_running_loop()
    until = loop.time() + RELAY_TIMEOUT_SECONDS
    tail = await backend.ledger.tail_position()
    while (position := await engine_reports.position_of(backend.database, CURSOR)) < tail:
        if loop.time() >= until:
            raise Unwell(
                "behind", f"The relay is at position {position}, the ledger at {tail}.", "Check the relay's log."
            )
        await asyncio.sleep(POLL_SECONDS)
