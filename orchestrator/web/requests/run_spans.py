"""A span for each request that changes a run, in the run's trace: what follows from a decision is found from it.

The command line and programs send such requests to the API, so the trace begins with them as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request

from orchestrator.web.state import WebState


async def run_span(request: Request) -> AsyncIterator[None]:
    """A dependency of every route. The span has the method, the route's name and the outcome, and nothing else of the
    request."""
    web: WebState = request.app.state.web
    run_id = request.path_params.get("run_id")
    if web.watched is None or run_id is None or request.method in ("GET", "HEAD"):
        yield
        return
    async with web.watched.request(str(run_id), request.method, request.scope["route"].name) as ending:
        yield
        if not ending.outcome:
            ending.ended("refused" if getattr(request.state, "refused", False) else "done")
