"""A vendor's own description, cut to the operations that its connector uses, to check requests and answers against.

The file in `recordings` has `operations` by operation id (method, path template, names of query parameters, answers by
status as JSON Schemas, null for no body) and `schemas`. A status may be a class, such as 4XX."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

RECORDINGS = Path(__file__).parent / "recordings"
_ERROR = {"$ref": "#/schemas/Error"}


class VendorDescription:
    """`base_path` is the path of the base address, below which the described paths are."""

    def __init__(self, vendor: str, file_name: str, *, base_path: str = "") -> None:
        description: dict[str, Any] = json.loads((RECORDINGS / file_name).read_text())
        self._vendor, self._base_path = vendor, base_path
        self.operations: dict[str, Any] = description["operations"]
        self.schemas: dict[str, Any] = description["schemas"]

    def check_request(self, method: str, path: str, params: Collection[str]) -> None:
        """Fails if the vendor describes no such operation, or not these parameters of it."""
        assert set(params) <= set(self._operation(method, path)["query"]), f"{method} {path} with {sorted(params)}"

    def check_answer(self, method: str, path: str, status: int, body: Any) -> None:
        """Fails if the vendor does not describe this answer. Where it describes no answer with this status, it must be
        one of the vendor's errors; where it describes no body, the body must be absent or an empty object."""
        answers = self._operation(method, path)["answers"]
        described = next((each for each in (str(status), f"{status // 100}XX") if each in answers), None)
        if described is None:
            assert status >= 400, f"{method} {path}: {self._vendor} describes no answer with the status {status}"
        schema = _ERROR if described is None else answers[described]
        if schema is None:
            assert body in (None, b"", {}), f"{method} {path}: {self._vendor} describes an answer without a body"
            return
        # The schemas point to one another from the top of the document.
        validator = Draft202012Validator({"schemas": self.schemas, **schema}, format_checker=FormatChecker())
        problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(body)]
        assert not problems, f"{method} {path}: {problems}"

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        parts = path.removeprefix(self._base_path).split("/")
        for operation in self.operations.values():
            template = operation["path"].split("/")
            same = [one == other or one.startswith("{") for one, other in zip(template, parts, strict=False)]
            if operation["method"] == method and len(template) == len(parts) and all(same):
                found: dict[str, Any] = operation
                return found
        raise AssertionError(f"{self._vendor} describes no operation {method} {path}")
