"""The description of the API as a whole in the OpenAPI document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

DESCRIPTION = """\
Start runs, approve, complete tasks, resolve exceptions and read the activity. The API offers everything that the pages
offer, with the same permissions.

**Authentication.** Every request needs `Authorization: Bearer TOKEN`. People get a token with the device sign-in
(`POST /api/v1/device`). Safety owners create tokens for services and AI assistants; these have a maximum
permission and expire.

**Idempotency.** Send an `Idempotency-Key` (any text of up to 255 characters, preferably a UUID) with every POST.
For 24 hours, the same key with the same request gets the same response; nothing is done twice.

**Errors** are problem details (RFC 9457, `application/problem+json`): `detail` has the place and the cause, `remedy`
the solution, and `code` is stable; `facts` has values for your own remedies. 409 means that the current state does not
allow the request, for example because the gate is already decided; `detail` has the reason. 202 means that the change
is recorded and continues once Temporal responds; `Location` is the address of the result.

**Pagination.** Lists use cursors: repeat the request with the `after` of the previous page until it is null.

**Formats.** Times are ISO 8601 in UTC, durations are seconds. Values that are unknown or do not apply are null.
`person` is null after erasure.
"""

TAGS: list[dict[str, Any]] = [
    {
        "name": "runs",
        "description": "Each run is one person's offboarding: preview, start, read, stream, reschedule, cancel.",
    },
    {"name": "inbox", "description": "Open items for the caller."},
    {"name": "gates", "description": "Approvals."},
    {"name": "tasks", "description": "Manual tasks and their evidence."},
    {"name": "exceptions", "description": "Exceptions and how to resolve them."},
    {"name": "steps", "description": "Retrying and skipping steps."},
    {"name": "people", "description": "Searching leavers in HR. Results expire; addresses contain no names."},
    {"name": "packets", "description": "The three files that govern runs, with an explanation in sentences."},
    {"name": "starts", "description": "Limits on starts: which are reached, and which starts are held."},
    {
        "name": "systems",
        "description": "Checking and testing systems, pausing changes on them, and listing accounts without an owner.",
    },
    {"name": "ledger", "description": "Its size, its verification and its events."},
    {"name": "outcomes", "description": "How long access stayed open, and the manual work saved."},
    {"name": "away", "description": "Delegation of approvals and tasks."},
    {"name": "access", "description": "Tokens, and sign-in on the command line."},
    {"name": "webhooks", "description": "Events to and from other systems."},
    {"name": "health", "description": "Health checks."},
]


class ResponseModel(BaseModel):
    """A response of the API: durations in seconds, times in UTC."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_timedelta="float", hide_input_in_errors=True)


class RequestModel(BaseModel):
    """A request to the API. Unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProblemDocument(BaseModel):
    """Problem details as of RFC 9457."""

    type: str = Field(description="`urn:offboard:problem:CODE`")
    title: str = Field(description="The kind of problem")
    status: int
    detail: str = Field(description="Place and cause")
    code: str = Field(description="Stable, for programs")
    remedy: str = Field(description="How to resolve the problem")
    errors: list[dict[str, str]] | None = Field(None, description="The invalid parts of the request")
    facts: dict[str, str | int] | None = Field(None, description="Values for your own remedies")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may be refused with these statuses; those that any request may get are always
    among them: an AI assistant can be stopped (403), and sends so many requests a minute (429)."""
    words = {
        400: "Malformed request",
        401: "No valid token",
        403: "Not allowed",
        404: "Not found, or not visible to the caller",
        409: "Not possible in the current state, for example already decided; `detail` has the reason",
        413: "Request too large",
        415: "Unsupported format",
        422: "Invalid request",
        429: "Too many requests; try again after `Retry-After` seconds",
        503: "The ledger or Temporal is not available; try again after `Retry-After` seconds",
    }
    return {
        status: {
            "description": words[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({400, 401, 403, 422, 429, 503, *statuses})
    }


def problems_of_post(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Of a route that changes something: it may be refused, be too late, or bring too much."""
    return problems(403, 409, 413, *statuses)


def add_description(app: FastAPI) -> None:
    """Completes the document: the shape of problems, and the one kind of token."""
    make = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            document.setdefault("components", {}).setdefault("schemas", {})["ProblemDocument"] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # how FastAPI's own documentation extends the document
