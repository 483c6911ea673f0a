"""The pages and the API as one ASGI application."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from orchestrator.web.access import routes as access
from orchestrator.web.api.routes import router as api
from orchestrator.web.api.schema.description import DESCRIPTION, TAGS, add_description
from orchestrator.web.pages.routes import router as pages
from orchestrator.web.requests.headers import EdgeMiddleware
from orchestrator.web.requests.problems import add_problems, fault, ledger_problem
from orchestrator.web.requests.recorded_calls import RecordedCalls
from orchestrator.web.requests.run_spans import run_span
from orchestrator.web.state import WebState

STATIC = Path(__file__).parent / "static"
A_YEAR = "public, max-age=31536000, immutable"


def make_application(web: WebState) -> FastAPI:
    """`web` are the caller's to close."""

    host = urlsplit(web.settings.public_url).hostname or ""
    app = FastAPI(
        title="Offboard",
        summary="Offboard people: remove access step by step, with approvals and a verifiable record.",
        description=DESCRIPTION,
        version=importlib.metadata.version("offboard"),
        openapi_tags=TAGS,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # those pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # it would name the host that the request names
        middleware=[
            Middleware(EdgeMiddleware, secure=web.settings.secure, fault=fault),
            # Another name that leads here is not us: a page elsewhere could have it point to this machine.
            Middleware(TrustedHostMiddleware, allowed_hosts=[host, "127.0.0.1", "localhost"], www_redirect=False),
            Middleware(RecordedCalls, web=web, refuse=ledger_problem),
        ],
    )
    app.state.web = web
    add_problems(app)
    add_description(app)
    app.include_router(access.router)
    app.include_router(api, dependencies=[Depends(run_span)])
    app.include_router(pages, dependencies=[Depends(run_span)])
    app.mount("/static", _Static(directory=STATIC), name="static")
    return app


class _Static(StaticFiles):
    """A file's address carries a hash of its content, so that it may be kept for as long as anyone likes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = A_YEAR if scope.get("query_string") else "no-cache"
        return response
