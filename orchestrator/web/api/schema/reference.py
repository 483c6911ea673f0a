"""The API's description as a page for people: `/api`. It is made from the OpenAPI document and holds no data of
users, so it needs no sign-in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.ledger.book.errors import LedgerError
from orchestrator.web.access.caller import SignInNeeded, session_caller
from orchestrator.web.api.schema.description import TAGS
from orchestrator.web.pages.page import page

router = APIRouter(include_in_schema=False)

OpenApiDocument = dict[str, Any]
REF = "#/components/schemas/"


@router.get("/api")
async def reference(request: Request) -> Response:
    """Open to all. A user who is signed in keeps the navigation; the page needs no ledger."""
    document: OpenApiDocument = request.app.openapi()
    try:
        caller = await session_caller(request)
    except (SignInNeeded, LedgerError):
        caller = None
    return await page(
        request,
        "api.html",
        title="API",
        caller=caller,
        about=document["info"]["description"],
        groups=list(groups(document)),
        shapes=list(shapes(document)),
    )


def groups(document: OpenApiDocument) -> Iterator[OpenApiDocument]:
    """Routes by what they are about, in the order of the document's tags."""
    for tag in TAGS:
        routes = [
            route(path, method, operation)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if operation.get("tags", [""])[0] == tag["name"]
        ]
        if routes:
            yield {"name": tag["name"], "description": tag["description"], "routes": routes}


def route(path: str, method: str, operation: OpenApiDocument) -> OpenApiDocument:
    body = operation.get("requestBody", {}).get("content", {})
    return {
        "id": f"{method}{path.replace('/', '-').translate(str.maketrans('', '', '{}'))}",
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "open": not operation.get("security"),
        "parameters": [
            {
                "name": parameter["name"],
                "where": parameter["in"],
                "kind": kind(parameter.get("schema", {})),
                "required": parameter.get("required", False),
                "description": parameter.get("description") or parameter.get("schema", {}).get("description", ""),
            }
            for parameter in operation.get("parameters", ())
        ],
        "bodies": [(media, shape_of(content.get("schema", {}))) for media, content in body.items()],
        "answers": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "shapes": [shape_of(content.get("schema", {})) for content in answer.get("content", {}).values()],
            }
            for status, answer in sorted(operation["responses"].items())
        ],
    }


def shapes(document: OpenApiDocument) -> Iterator[OpenApiDocument]:
    """Every shape of a request or an answer, with its fields."""
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = set(schema.get("required", ()))
        yield {
            "name": name,
            "description": schema.get("description", ""),
            "fields": [
                {
                    "name": field,
                    "kind": kind(described),
                    "shape": shape_of(described),
                    "required": field in required,
                    "description": described.get("description", ""),
                }
                for field, described in schema.get("properties", {}).items()
            ],
        }


def kind(schema: OpenApiDocument) -> str:
    """A schema in a few words: `list of text`, `number or null`, `one of approve, reject`."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(kind(one) for one in schema["anyOf"]))
    if "enum" in schema:
        return f"one of {', '.join(str(one) for one in schema['enum'])}"
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            return f"list of {kind(schema.get('items', {}))}"
        case "string":
            return {"date-time": "instant", "binary": "file"}.get(schema.get("format", ""), "text")
        case "object":
            return "object"
        case "boolean":
            return "true or false"
        case "integer" | "number":
            return "number"
        case "null":
            return "null"
    return "anything"


def shape_of(schema: OpenApiDocument) -> str | None:
    """The name of the shape that a schema is, or is a list of; None for plain ones."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(REF)
    inside = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return next((found for one in inside if (found := shape_of(one)) is not None), None)
