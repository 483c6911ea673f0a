"""BambooHR's description, which names `filter[status]` and `page[limit]` as the objects `filter` and `page`."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.embedded.vendors.description import Description, VendorDocument

NEWER = ("employeeNumber", "country")
"""Fields of the list of employees that the description of June 2026 lacks. BambooHR's page of today has them:
https://documentation.bamboohr.com/reference/list-employees (`employeeNumber` in its text), and all of them are in
https://github.com/BambooHR/bhr-api-php/blob/33dbcf25/docs/Model/GetEmployeesEmployeeResponse.md."""
PAGE = frozenset({"limit", "after", "before"})
"""The schema of `page` asks for a cursor that is a text and a number at once; the names are checked only."""


def nested(query: Mapping[str, list[str]], name: str) -> dict[str, Any]:
    """The values of `name[...]`; `name[ids][]` and a text with commas are both a list."""
    found: dict[str, Any] = {}
    for key, values in query.items():
        if key.startswith(f"{name}[") and key.endswith("]"):
            inner = key[len(name) + 1 :].removesuffix("[]").removesuffix("]")
            found[inner] = values[-1]
            if inner == "ids":
                found[inner] = [int(one) for value in values for one in value.split(",") if one.isdigit()]
    return found


class BambooDescription(Description):
    def __init__(self, document: VendorDocument) -> None:
        document = copy.deepcopy(document)
        known = document["$defs"]
        known["EmployeeOptionalField"]["enum"] += NEWER
        known["GetEmployeesEmployeeResponse"]["allOf"][1]["properties"] |= {
            name: {"type": ["string", "null"]} for name in NEWER
        }
        super().__init__(document)

    def faults_of_request(self, operation: str, query: Mapping[str, list[str]], body: Any) -> Iterator[str]:
        flat = {name: values for name, values in query.items() if "[" not in name}
        yield from super().faults_of_request(operation, flat, body)
        parameters = self.operations[operation.replace("{id}", "{}").replace("{table}", "{}")]["parameters"]
        for name in query.keys() - flat.keys():
            if name.partition("[")[0] not in parameters:
                yield f"{operation}: the query parameter {name} is not described"
        if "filter" in parameters:
            schema = parameters["filter"]["schema"]
            yield from self._faults(f"{operation} filter", schema, nested(query, "filter"))
        for name in nested(query, "page").keys() - PAGE:
            yield f"{operation}: the query parameter page[{name}] is not described"
