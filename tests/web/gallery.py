"""Every part of the console's look on one page, over the standard packet, served under the policy that pages have.

`gallery_app()` also has a page that moves (`/moving`, with a stream and a route to change it) and one that searches.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gallery_run import gallery_context
from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from markupsafe import escape
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from orchestrator.web.rendering import STATIC, make_templates
from orchestrator.web.requests.headers import ALWAYS

HERE = Path(__file__).parent


def gallery_templates() -> Environment:
    environment = make_templates()
    assert environment.loader is not None
    return environment.overlay(loader=ChoiceLoader([environment.loader, FileSystemLoader(HERE / "templates")]))


@dataclass
class Moving:
    """What `/moving` shows; `move` changes it and informs the listeners."""

    step: int = 1
    listeners: set[asyncio.Queue[int]] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    stream_works: bool = True

    def move(self) -> None:
        self.step += 1
        for listener in self.listeners:
            listener.put_nowait(self.step)


def gallery_app(moving: Moving) -> Starlette:
    templates = gallery_templates()
    context = gallery_context()

    def shown(name: str, **more: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(name).render(**context, **more), headers=ALWAYS)

    async def gallery(request: Request) -> Response:
        return shown("gallery.html")

    async def moving_page(request: Request) -> Response:
        return shown("moving.html", moving=moving)

    async def stream(request: Request) -> Response:
        if not moving.stream_works:
            return Response(status_code=503)

        async def events() -> AsyncIterator[str]:
            queue: asyncio.Queue[int] = asyncio.Queue()
            moving.listeners.add(queue)
            try:
                yield ": here\n\n"
                while True:
                    yield f"data: {json.dumps(await queue.get())}\n\n"
            finally:
                moving.listeners.discard(queue)

        return StreamingResponse(events(), media_type="text/event-stream", headers=ALWAYS)

    async def search(request: Request) -> Response:
        form = await request.form()
        asked = str(form["who"])
        moving.asked.append(f"{asked} {form['csrf']} {request.headers.get('x-fragment')} {request.url.query}".strip())
        if asked == "Gra":
            await asyncio.sleep(0.6)  # the slower, earlier answer
        return HTMLResponse(f'<p data-live-says="One person">Found {escape(asked)}</p>', headers=ALWAYS)

    routes: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/gallery": gallery,
        "/moving": moving_page,
        "/stream": stream,
    }
    return Starlette(
        routes=[
            *(Route(path, endpoint) for path, endpoint in routes.items()),
            Route("/search", search, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]
    )
