"""What the OpenAPI document says of the whole, for people who read it first."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

DESCRIPTION = """\
Start runs, decide at gates, complete tasks, settle exceptions, and read what happened. Whatever can be done here can be
done on the pages, and is refused alike.

**Who asks.** Every request carries `Authorization: Bearer TOKEN`. A person's token comes from `offboard login`; tokens
for services and assistants are made by a safety owner, go no further than their level, and expire.

**Asking twice.** Send an `Idempotency-Key` (any text of up to 255 characters, a UUID is best) with every POST. The
same key with the same request gets the same answer, for 24 hours; nothing is done twice.

**What goes wrong** is answered as problem details (RFC 9457, `application/problem+json`): `detail` says where and why,
`remedy` what to do, `code` is stable; `facts` has values that a remedy of your own may name. 409 means that somebody
was first, and says what came of it. 202 means that it stands in the ledger, and is carried on once Temporal answers;
`Location` is where to look.

**Lists** are read by cursor: give `after` as the page before named it, until it is null.

**Times** are ISO 8601 in UTC. Lengths of time are seconds. What is not known or does not apply is null. `person` is
null once the person is erased.
"""

TAGS: list[dict[str, Any]] = [
    {"name": "runs", "description": "One person's offboarding each: preview, start, read, follow, reschedule, end."},
    {"name": "inbox", "description": "What waits for whoever asks."},
    {"name": "gates", "description": "Decisions."},
    {"name": "tasks", "description": "What only a person can do, and the evidence for it."},
    {"name": "exceptions", "description": "What did not go as planned, and settling it."},
    {"name": "steps", "description": "Trying a step again, or leaving it out."},
    {"name": "people", "description": "Finding in HR whoever leaves. Answers expire; names stand in no address."},
    {"name": "packets", "description": "The three files that govern runs, and what they mean."},
    {"name": "systems", "description": "Whether systems can be reached, and holding changes on them."},
    {"name": "ledger", "description": "Its size, its verification, and what happened."},
    {"name": "outcomes", "description": "How long access stayed open, and what was saved."},
    {"name": "away", "description": "Delegating decisions for a time."},
    {"name": "access", "description": "Tokens, and signing in a command line."},
    {"name": "webhooks", "description": "Events to and from other systems."},
    {"name": "health", "description": "For whoever watches this process."},
]


class ResponseModel(BaseModel):
    """What the API answers: lengths of time in seconds, instants in UTC, and nothing that it does not know."""

    model_config = ConfigDict(frozen=True, from_attributes=True, ser_json_timedelta="float", hide_input_in_errors=True)


class RequestModel(BaseModel):
    """What is sent to the API: a part that is not known is refused, never passed over."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ProblemDocument(BaseModel):
    """Problem details as of RFC 9457."""

    type: str = Field(description="`urn:offboard:problem:CODE`")
    title: str = Field(description="The kind of problem, in words")
    status: int
    detail: str = Field(description="Where it went wrong, and why")
    code: str = Field(description="Stable, for programs")
    remedy: str = Field(description="What can be done about it")
    errors: list[dict[str, str]] | None = Field(None, description="The parts of the request that are wrong")
    facts: dict[str, str | int] | None = Field(None, description="Values that a remedy of your own may name")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may be refused with these statuses; those that any request may get are always
    among them."""
    words = {
        400: "It cannot be understood, even as a request",
        401: "No token that works",
        403: "Not allowed for whoever asks",
        404: "There is none, or none that whoever asks may see",
        409: "Somebody was first, or its time has passed; `detail` says what came of it",
        413: "Too large",
        415: "Not a format that is taken here",
        422: "It cannot be so, or cannot be understood",
        429: "Too often, or too much of it is under way; try again after `Retry-After` seconds",
        503: "The ledger or Temporal is away; try again after `Retry-After` seconds",
    }
    return {
        status: {
            "description": words[status],
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in sorted({400, 401, 422, 503, *statuses})
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
