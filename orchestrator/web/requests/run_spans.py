"""A span for each request that changes a run, in the run's trace: what follows from a decision is found from it.

The command line and programs send such requests to the API, so the trace begins with them as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request

from orchestrator.telemetry.run_traces import from_header, run_trace
from orchestrator.web.state import WebState
from orchestrator.workflows.workflow_ids import workflow_id


async def run_span(request: Request) -> AsyncIterator[None]:
    """A dependency of every route. The span has the method, the route's name and the outcome, and nothing else of the
    request."""
    web: WebState = request.app.state.web
    run_id = request.path_params.get("run_id")
    if web.watched is None or run_id is None or request.method in ("GET", "HEAD"):
        yield
        return
    caller, route = from_header(request.headers.get("traceparent")), request.scope["route"].name
    async with web.watched.request(str(run_id), request.method, route, caller) as ending:
        if caller is not None and ending.ref is not None:
            request.state.traceresponse = ending.ref.header
        yield
        if not ending.outcome:
            ending.ended("refused" if getattr(request.state, "refused", False) else "done")


async def name_trace(request: Request, run_id: str) -> None:
    """In the answer to the start of a run, for a caller with a span: which trace the run has, if it has one."""
    web: WebState = request.app.state.web
    if web.watched is not None and from_header(request.headers.get("traceparent")) is not None:
        workflow = workflow_id(run_id)
        if await web.watched.tracing.may_trace(workflow):
            request.state.traceresponse = run_trace(workflow).header
