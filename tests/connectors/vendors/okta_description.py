"""Okta's own description, cut to the operations that the connector uses, to check requests and answers against."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

RECORDINGS = Path(__file__).parent / "recordings"
_DESCRIPTION: dict[str, Any] = json.loads((RECORDINGS / "okta_operations.json").read_text())
OPERATIONS: dict[str, Any] = _DESCRIPTION["operations"]
SCHEMAS: dict[str, Any] = _DESCRIPTION["schemas"]
_ERROR = {"$ref": "#/schemas/Error"}


def check_request(method: str, path: str, params: Collection[str]) -> None:
    """Fails if Okta describes no such operation, or not these parameters of it."""
    assert set(params) <= set(_operation(method, path)["query"]), f"{method} {path} with {sorted(params)}"


def check_answer(method: str, path: str, status: int, body: Any) -> None:
    """Fails if Okta does not describe this answer. Where it describes no answer with this status, it must be one of
    Okta's errors; where it describes no body, the body must be absent or an empty object."""
    answers = _operation(method, path)["answers"]
    if str(status) not in answers:
        assert status >= 400, f"{method} {path}: Okta describes no answer with the status {status}"
    schema = answers.get(str(status), _ERROR)
    if schema is None:
        assert body in (None, b"", {}), f"{method} {path}: Okta describes an answer without a body"
        return
    # The schemas point to one another from the top of the document.
    validator = Draft202012Validator({"schemas": SCHEMAS, **schema}, format_checker=FormatChecker())
    problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
    assert not problems, f"{method} {path}: {problems}"


def _operation(method: str, path: str) -> dict[str, Any]:
    for operation in OPERATIONS.values():
        template, parts = operation["path"].split("/"), path.split("/")
        same = [one == other or one.startswith("{") for one, other in zip(template, parts, strict=False)]
        if operation["method"] == method and len(template) == len(parts) and all(same):
            found: dict[str, Any] = operation
            return found
    raise AssertionError(f"Okta describes no operation {method} {path}")
