"""A web process that kills itself once what a request does is recorded, and before its answer is kept:
`python -m tests.web.killed_web`.

Its settings are in the environment. It prints its address.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import NoReturn

from orchestrator.backend import engine_address, open_backend
from orchestrator.commands import Services
from orchestrator.engine import Engine
from orchestrator.ledger.access.answers import StoredResponse, StoredResponses
from orchestrator.settings import Settings
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings


async def die(self: StoredResponses, actor_id: str, key: str, answer: StoredResponse) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process is killed")


async def main() -> None:
    settings, on = Settings.read(os.environ), listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    StoredResponses.keep = die  # type: ignore[method-assign]  # the line before which it dies
    engine = await Engine.connect(engine_address(settings))
    async with open_backend(settings) as backend:
        services = Services(backend.runs, backend.keyring, engine)
        web = WebSettings(public_url=url, webhook_hosts=("hooks.example.com",))
        async with serving(web, services, engine, backend.database, on):
            print(url, flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
