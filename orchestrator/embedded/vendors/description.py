"""A vendor's API description, reduced to facts, and what in a request or an answer differs from it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

VendorDocument = dict[str, Any]


class Description:
    """`operations` are named `METHOD /path/{id}`. Each check returns what is wrong, one text for each fault."""

    def __init__(self, document: VendorDocument) -> None:
        self.source: str = document["source"]
        self.licence: str = document["licence"]
        self.operations: Mapping[str, VendorDocument] = {
            _shape(name): one for name, one in document["operations"].items()
        }
        self._definitions: VendorDocument = document["$defs"]
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}

    @classmethod
    @cache
    def of(cls, folder: Path) -> Description:
        """Of the simulator in this folder; the same for all tests, since its validators are expensive to make."""
        return cls(json.loads((folder / "description.json").read_text(encoding="utf-8")))

    def describes(self, operation: str) -> bool:
        return _shape(operation) in self.operations

    def scopes(self, operation: str) -> list[str]:
        """The OAuth scopes that the vendor names: whether one or all are needed is the vendor's rule."""
        return list(self.operations[_shape(operation)].get("scopes", []))

    def faults_of_request(self, operation: str, query: Mapping[str, list[str]], body: Any) -> Iterator[str]:
        """Parameters and a body that the vendor does not describe."""
        facts = self.operations[_shape(operation)]
        known = {name: one for name, one in facts["parameters"].items() if one["in"] == "query"}
        for name in query.keys() - known.keys():
            yield f"{operation}: the query parameter {name} is not described"
        for name, parameter in known.items():
            if name not in query:
                if parameter.get("required"):
                    yield f"{operation}: the query parameter {name} is missing"
                continue
            value = _read(query[name], self._resolved(parameter["schema"]))
            for fault in self._faults(f"{operation} {name}", parameter["schema"], value):
                yield f"{operation}: query parameter {name}: {fault}"
        schema = facts.get("body")
        if body is None:
            if facts.get("body_required"):
                yield f"{operation}: the body is missing"
        elif schema is None:
            yield f"{operation}: a body is not described"
        else:
            for fault in self._faults(f"{operation} body", schema, body):
                yield f"{operation}: body: {fault}"

    def faults_of_answer(self, operation: str, status: int, body: Any) -> Iterator[str]:
        """A status or a body that the vendor does not describe. Vendors describe few errors, so the status of an
        error may be missing from the description; then its body is not checked."""
        responses = self.operations[_shape(operation)]["responses"]
        written = next((one for one in (str(status), f"{status // 100}XX", "default") if one in responses), None)
        if written is None:
            if status < 400:
                yield f"{operation}: status {status} is not described"
            return
        schema = responses[written]
        if body is None and status == 204 and written != "204":
            return  # a range of statuses: 204 has no body (RFC 9110)
        if schema is None:
            if body not in (None, {}) and status < 400:
                yield f"{operation}: a body with status {status} is not described"
        else:
            for fault in self._faults(f"{operation} {written}", schema, body):
                yield f"{operation}: answer {status}: {fault}"

    def _faults(self, key: str, schema: VendorDocument, value: Any) -> Iterator[str]:
        validator = self._validators.get(key)
        if validator is None:
            validator = jsonschema.Draft202012Validator({**schema, "$defs": self._definitions})
            self._validators[key] = validator
        for error in validator.iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]}"
        yield from self._undescribed("$", [schema], value)

    def _undescribed(self, place: str, schemas: list[VendorDocument], value: Any) -> Iterator[str]:
        """Names that no schema for this place has: a description that permits further fields would let them pass."""
        schemas = [one for schema in schemas for one in self._parts(schema, value)]
        if isinstance(value, list):
            items = [one["items"] for one in schemas if "items" in one]
            for number, one in enumerate(value) if items else ():
                yield from self._undescribed(f"{place}[{number}]", items, one)
        elif isinstance(value, dict):
            properties: dict[str, list[VendorDocument]] = {}
            for schema in schemas:
                for name, one in schema.get("properties", {}).items():
                    properties.setdefault(name, []).append(one)
            free = not properties or any(
                "additionalProperties" in one and one["additionalProperties"] is not False for one in schemas
            )
            for name, one in value.items():
                if name in properties:
                    yield from self._undescribed(f"{place}.{name}", properties[name], one)
                elif not free and "@odata." not in name:
                    yield f"{place}.{name} is not described"

    def _parts(self, schema: VendorDocument, value: Any) -> Iterator[VendorDocument]:
        """The schema, what it refers to, its alternatives, and the one that its discriminator chooses for the value."""
        pending, seen = [schema], set()
        while pending:
            one = pending.pop()
            if "$ref" in one:
                if one["$ref"] in seen:
                    continue
                seen.add(one["$ref"])
                pending.append(self._resolved({"$ref": one["$ref"]}))
            yield one
            for key in ("allOf", "anyOf", "oneOf"):
                pending.extend(one.get(key, []))
            derived = value.get("@odata.type", "")[1:] if isinstance(value, dict) else ""
            if derived in self._definitions and f"#/$defs/{derived}" not in seen:
                pending.append({"$ref": f"#/$defs/{derived}"})
            if "discriminator" in one and isinstance(value, dict):
                chosen = one["discriminator"]["mapping"].get(value.get(one["discriminator"]["propertyName"]))
                pending.extend([{"$ref": chosen}] if chosen else [])

    def _resolved(self, schema: VendorDocument) -> VendorDocument:
        while set(schema) == {"$ref"}:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        return schema


def _shape(operation: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", operation)


def _read(texts: list[str], schema: VendorDocument) -> Any:
    """The value of a query parameter, in the type that the description gives it."""
    kind = schema.get("type")
    if kind == "array":
        parts = texts if len(texts) > 1 else texts[0].split(",")
        return [_read([part], schema.get("items", {})) for part in parts]
    text = texts[-1]
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return text
