"""Errors as responses: problem details (RFC 9457) for programs, a page for people.

| what | status |
|---|---|
| `NotAllowed` | 403 |
| `TooLate` | 409, with the outcome |
| `Invalid` | 404 where the address itself names what is not there, else 422 |
| `TooOften` | 429, with when to try again |
| `NotAnswered` | 503, with when to try again |
| not signed in | 401, or a redirect to the sign-in page |
| the ledger or Temporal is not available | 503, with when to try again |
| anything else | 500 with a number that is in the log; never the error's text |
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from orchestrator.domain.errors import Fact, Invalid, NotAllowed, Refusal, TooLate, TooOften, remedy_in
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError, LedgerUnavailable, WrongMasterKey
from orchestrator.web.access.caller import SignInNeeded, TokenNeeded
from orchestrator.web.access.provider import SignInFailed
from orchestrator.web.access.routes import sign_in_address
from orchestrator.web.api import remedies as api
from orchestrator.web.inquiries import NotAnswered
from orchestrator.web.pages import remedies as pages
from orchestrator.web.pages.page import page

log = logging.getLogger("offboard.web")

API = "/api/"
MEDIA_TYPE = "application/problem+json"
TRY_AGAIN_AFTER = "5"  # seconds
_TITLES = {
    400: "Malformed request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible in the current state",
    413: "Request too large",
    415: "Unsupported format",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal error",
    503: "Service unavailable",
}

NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "unknown_run": ("run_id",),
    "unknown_difference": ("about",),
    "unknown_gate": ("gate_id",),
    "unknown_task": ("task_id",),
    "unknown_exception": ("exception_id",),
    "unknown_step": ("step",),
    "unknown_system": ("system",),
    "unknown_file": ("stored",),
    "unknown_batch": ("batch_id",),
    "unknown_trip": ("trip_id",),
    "unknown_held_start": ("held_id",),
    "unknown_packet": ("name", "packet"),
    "unknown_packet_version": ("version",),
    "unknown_inquiry": ("inquiry_id",),
    "unknown_delegation": ("delegation_id",),
    "unknown_token": ("token_id",),
    "unknown_assistant": ("actor_id", "account"),
    "unknown_webhook": ("hook_id",),
}
"""Codes by the parts of an address that may name what they are about: such an address leads nowhere (404, RFC 9110,
section 15.5.5). The same thing named in a body or a query is a value that cannot be so (422)."""
_OF_THE_ADDRESS = ("unknown_verification", "unknown_system_test")
"""Addresses with the id of one thing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """`detail` says place and cause, `remedy` what a client of the API can do; `code` is stable and free of personal
    data. `errors` names the parts of a request that are wrong, `facts` what other remedies for the code may name."""

    status: int
    code: str
    detail: str
    remedy: str = ""
    errors: tuple[dict[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return _TITLES.get(self.status, "Request failed")

    def document(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "type": f"urn:offboard:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "remedy": self.remedy,
        }
        more = {"errors": list(self.errors), "facts": dict(self.facts)}
        return body | {name: value for name, value in more.items() if value}


def refused(refusal: Refusal, path: Mapping[str, object]) -> Problem:
    """`path` are the parts of the address that was asked, by their names."""
    headers: dict[str, str] = {}
    match refusal:
        case NotAllowed():
            status = 403
        case TooLate():
            status = 409
        case TooOften():
            status, headers = 429, {"Retry-After": str(refusal.again_after)}
        case NotAnswered():
            status, headers = 503, {"Retry-After": TRY_AGAIN_AFTER}
        case Invalid() if refusal.code in _OF_THE_ADDRESS or any(
            part in path for part in NAMED_BY.get(refusal.code, ())
        ):
            status = 404
        case _:
            status = 422
    errors = _of_packet(refusal) if isinstance(refusal, PacketProblems) else ()
    remedy = refusal.remedy if isinstance(refusal, NotAnswered) else ""
    remedy = remedy or remedy_in(api.REMEDIES, refusal.code, refusal.facts)
    return Problem(status, refusal.code, refusal.message, remedy, errors, headers, refusal.facts)


def _of_packet(refusal: PacketProblems) -> tuple[dict[str, str], ...]:
    return tuple(
        {"where": ":".join(str(part) for part in (one.file, one.line, one.field) if part), "what": one.message}
        for one in refusal.problems
    )


def invalid_request(errors: Sequence[Any]) -> Problem:
    """What pydantic found wrong with a request, without the values that are wrong."""
    named = tuple({"where": ".".join(str(part) for part in item["loc"]), "what": str(item["msg"])} for item in errors)
    first = f": {named[0]['where']}: {named[0]['what']}" if named else "."
    return Problem(
        422,
        "invalid_request",
        f"The request is invalid{first}",
        "Correct the fields in `errors`. /api/v1/openapi.json describes each request.",
        named,
    )


def add_problems(app: FastAPI) -> None:
    """The response to each error of a request. No other module makes such responses."""

    @app.exception_handler(Refusal)
    async def _refusal(request: Request, error: Refusal) -> Response:
        return await answer(request, refused(error, request.path_params))

    @app.exception_handler(SignInNeeded)
    async def _sign_in(request: Request, error: SignInNeeded) -> Response:
        if request.method in ("GET", "HEAD") and "text/event-stream" not in request.headers.get("accept", ""):
            return RedirectResponse(sign_in_address(request), 303)
        return await answer(request, Problem(401, "not_signed_in", "You are not signed in.", "Sign in and try again."))

    @app.exception_handler(TokenNeeded)
    async def _token(request: Request, error: TokenNeeded) -> Response:
        return await answer(
            request,
            Problem(
                401,
                "token_needed",
                "A valid API token is required. The token is missing, unknown, expired or revoked.",
                "Send `Authorization: Bearer TOKEN`.",
                headers={"WWW-Authenticate": "Bearer"},
            ),
        )

    @app.exception_handler(SignInFailed)
    async def _sign_in_failed(request: Request, error: SignInFailed) -> Response:
        return await answer(request, Problem(503 if error.ours else 403, "sign_in_failed", error.cause, error.remedy))

    @app.exception_handler(LedgerError)
    async def _ledger(request: Request, error: LedgerError) -> Response:
        return await ledger_problem(request, error)

    @app.exception_handler(EngineUnavailable)
    async def _engine(request: Request, error: EngineUnavailable) -> Response:
        return await answer(
            request,
            Problem(
                503,
                "engine_unavailable",
                "Temporal cannot be reached.",
                "Recorded decisions are not affected. Try again once Temporal is back.",
                headers={"Retry-After": TRY_AGAIN_AFTER},
            ),
        )

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        return await answer(request, invalid_request(error.errors()))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        codes = {404: "unknown_address", 405: "method_not_allowed", 413: "too_large", 400: "bad_request"}
        remedy = "See /api/v1/openapi.json for the available addresses." if is_api(request) else "Go to the inbox."
        missing = f"There is no {'resource' if is_api(request) else 'page'} at this address."
        detail = missing if error.status_code == 404 else str(error.detail)
        return await answer(
            request,
            Problem(
                error.status_code,
                codes.get(error.status_code, "not_possible"),
                detail,
                remedy,
                headers=dict(error.headers or {}),
            ),
        )


async def ledger_problem(request: Request, error: LedgerError) -> Response:
    """The response where the ledger can't be read or written."""
    log.error("ledger: %s", error)  # with the remedy for the administrator, which may be a command
    away = isinstance(error, LedgerUnavailable)
    code = "ledger_unavailable" if away else "ledger_fault"
    unreadable = (
        "This process does not have the master key that the data is encrypted with."
        if isinstance(error, WrongMasterKey)
        else "An event in the ledger cannot be read."
    )
    return await answer(
        request,
        Problem(
            503 if away else 500,
            code,
            f"The ledger is not available: {error.cause}." if away else unreadable,
            remedy_in(api.REMEDIES, code, {}),
            headers={"Retry-After": TRY_AGAIN_AFTER} if away else {},
        ),
    )


async def fault(request: Request, error: Exception) -> Response:
    """The response to an unexpected error. Its message may quote data, so only its kind and place are logged."""
    number = secrets.token_hex(4)
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_name if frame else '?'}:{frame.tb_lineno if frame else 0}"
    log.error("fault %s: %s in %s", number, type(error).__name__, place)
    return await answer(
        request,
        Problem(
            500,
            "fault",
            f"An unexpected error occurred. Its number in the log is {number}.",
            "Contact the server's administrator.",
        ),
    )


def is_api(request: Request) -> bool:
    return request.url.path.startswith(API)


async def answer(request: Request, problem: Problem) -> Response:
    """The problem as JSON or as a page, by the request."""
    request.state.problem = problem.code
    if is_api(request):
        return JSONResponse(problem.document(), problem.status, headers=problem.headers, media_type=MEDIA_TYPE)
    response = await page(
        request,
        "refused.html",
        title=problem.title,
        status=problem.status,
        caller=getattr(request.state, "caller", None),
        problem=replace(problem, remedy=remedy_in(pages.REMEDIES, problem.code, problem.facts) or problem.remedy),
    )
    response.headers.update(problem.headers)
    return response
