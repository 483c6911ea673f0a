"""Slack's description of the Web API, with three things in which it differs from what it says of itself.

It is of 2021: errors that Slack documents today are named in `errors.py` and in each method. It describes an error with
the same status as a success. And it writes alternatives as `items` without a type, which would check nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from orchestrator.embedded.vendors.description import Description, VendorDocument
from orchestrator.embedded.vendors.slack.errors import COMMON_ERRORS

ERROR_FIELDS = frozenset({"ok", "error", "needed", "provided", "warning", "response_metadata"})


class SlackDescription(Description):
    """`newer_errors` are those of an operation that its page names and the description does not."""

    newer_errors: ClassVar[Mapping[str, frozenset[str]]] = {}

    def __init__(self, document: VendorDocument) -> None:
        super().__init__(_with_alternatives(document))

    def faults_of_answer(self, operation: str, status: int, body: Any) -> Iterator[str]:
        if status != 200 or not isinstance(body, dict) or body.get("ok") is not False:
            yield from super().faults_of_answer(operation, status, body)
            return
        described = self.operations[operation]["responses"].get("default") or {}
        codes = described.get("properties", {}).get("error", {}).get("enum")
        known = COMMON_ERRORS | set(codes or ()) | self.newer_errors.get(operation, frozenset())
        if body["error"] not in known:
            yield f"{operation}: the error {body['error']} is not described"
        for name in body.keys() - ERROR_FIELDS:
            yield f"{operation}: the field {name} of an error is not described"


def _with_alternatives(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_alternatives(one) for one in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("items"), dict) and "anyOf" in node["items"] and node.get("type") != "array":
        return {"anyOf": _with_alternatives(node["items"]["anyOf"])}
    return {name: _with_alternatives(one) for name, one in node.items()}
