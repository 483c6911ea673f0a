"""Cuts a vendor's API description down to the facts that a simulator is checked against: operations, names, types and
permitted values; no prose and no examples.

    python -m tests.vendors.reduction okta management.yaml oauth.yaml

reads the vendor's documents (OpenAPI 3 as JSON or YAML, or Google's discovery documents) and writes the
`description.json` of that simulator, for the operations that its routes name. The result has `source`, `licence` and
`version`, `operations` by `METHOD /path`, and the reached schemas as `$defs` in JSON Schema 2020-12.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import yaml

from orchestrator.embedded import vendors
from orchestrator.embedded.vendors.description import VendorDocument

SERVED = Path(str(vendors.__file__)).parent
"""Simulators that the product serves. Those that only tests use are beside this file."""
ODATA_TYPE = "@odata.type"
KEPT = frozenset(
    {
        "type", "enum", "const", "items", "properties", "required", "additionalProperties", "allOf", "anyOf", "oneOf",
        "not", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "$ref",
    }
)  # fmt: skip


def read_document(path: Path) -> VendorDocument:
    """A description as it was published."""
    if path.suffix == ".json":
        return dict(json.loads(path.read_text(encoding="utf-8")))
    return dict(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))


def reduced(
    documents: Iterable[VendorDocument], operations: Iterable[str], types: Iterable[str] = ()
) -> VendorDocument:
    """`operations` are `METHOD /path`; those that no document has are omitted. `types` are schemas that no operation
    names, such as the types of OData that an answer names itself."""
    found: VendorDocument = {}
    definitions: VendorDocument = {}
    for document in documents:
        cut = _Discovery(document) if "discoveryVersion" in document else _OpenApi(document)
        for name in types:
            cut.reach(name)
        for operation in operations:
            if operation not in found and (facts := cut.operation(operation)) is not None:
                found[operation] = facts
        definitions.update(cut.definitions())
    return {"operations": dict(sorted(found.items())), "$defs": dict(sorted(definitions.items()))}


class _OpenApi:
    def __init__(self, document: VendorDocument) -> None:
        self._document = document
        self._reached: VendorDocument = {}
        self._prefix = urlsplit((document.get("servers") or [{"url": ""}])[0]["url"]).path.rstrip("/")

    def definitions(self) -> VendorDocument:
        return self._reached

    def reach(self, name: str) -> None:
        self._reach(f"#/components/schemas/{name}")

    def operation(self, name: str) -> VendorDocument | None:
        method, _, path = name.partition(" ")
        shape = _without_names(path)
        for template, item in self._document["paths"].items():
            if _without_names(self._prefix + template) == shape and method.lower() in item:
                operation: VendorDocument = item[method.lower()]
                return self._facts(operation, item.get("parameters", []))
        return None

    def _facts(self, operation: VendorDocument, shared: list[VendorDocument]) -> VendorDocument:
        parameters = {}
        for parameter in map(self._resolved, [*shared, *operation.get("parameters", [])]):
            if parameter["in"] == "path":
                continue
            schema = parameter.get("schema") or next(iter(parameter["content"].values())).get("schema", {})
            facts: VendorDocument = {"in": parameter["in"], "schema": self._schema(schema)}
            if parameter.get("required"):
                facts["required"] = True
            parameters[parameter["name"]] = facts
        result: VendorDocument = {"parameters": parameters, "responses": {}}
        scopes = [scope for one in operation.get("security", []) for scope in one.get("oauth2", [])]
        if scopes:
            result["scopes"] = scopes
        if "requestBody" in operation:
            body = self._resolved(operation["requestBody"])
            result["body"] = self._content(body)
            result["body_required"] = bool(body.get("required"))
        for status, response in operation["responses"].items():
            result["responses"][str(status)] = self._content(self._resolved(response))
        return result

    def _content(self, holder: VendorDocument) -> VendorDocument | None:
        for kind, media in holder.get("content", {}).items():
            if "json" in kind or "urlencoded" in kind:
                schema: VendorDocument = self._schema(media.get("schema", {}))
                return schema
        return None

    def _resolved(self, node: VendorDocument) -> VendorDocument:
        while "$ref" in node:
            node = self._target(node["$ref"])
        return node

    def _target(self, reference: str) -> Any:
        node: Any = self._document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node

    def _schema(self, schema: Any) -> Any:
        if not isinstance(schema, dict):
            return schema
        result: VendorDocument = {}
        for key, value in schema.items():
            if key == "$ref":
                result["$ref"] = f"#/$defs/{self._reach(value)}"
            elif key in ("allOf", "anyOf", "oneOf"):
                # A member of `oneOf` that a discriminator chooses may also fit another: JSON Schema would refuse that.
                result["anyOf" if key == "oneOf" else key] = [self._schema(one) for one in value]
            elif key == "properties":
                # What OData shows only on request would bring in the whole of Microsoft Graph.
                result[key] = {
                    name: {} if one.get("x-ms-navigationProperty") else self._schema(one) for name, one in value.items()
                }
            elif key in ("items", "additionalProperties", "not"):
                result[key] = self._schema(value)
            elif key == "discriminator" and value["propertyName"] == ODATA_TYPE:
                continue  # all types derived from it; an answer names its own
            elif key == "required":
                result[key] = [name for name in value if name != ODATA_TYPE]  # only where types are mixed
            elif key == "discriminator" and "mapping" in value:
                chosen = {name: f"#/$defs/{self._reach(one)}" for name, one in value["mapping"].items()}
                result[key] = {"propertyName": value["propertyName"], "mapping": chosen}
            elif key in KEPT:
                result[key] = value
        if schema.get("nullable"):
            if "type" in result:
                result["type"] = [result["type"], "null"]
                if "enum" in result and None not in result["enum"]:
                    result["enum"] = [*result["enum"], None]
            else:
                result = {"anyOf": [result, {"type": "null"}]}
        return result

    def _reach(self, reference: str) -> str:
        name = reference.rsplit("/", 1)[-1]
        if name not in self._reached:
            self._reached[name] = {}
            self._reached[name] = self._schema(self._target(reference))
        return name


class _Discovery:
    """Google's own form: https://developers.google.com/discovery/v1/reference/apis."""

    def __init__(self, document: VendorDocument) -> None:
        self._document = document
        self._reached: VendorDocument = {}
        self._methods: dict[str, VendorDocument] = {}
        self._collect(document)

    def reach(self, name: str) -> None:
        self._reach(name)

    def definitions(self) -> VendorDocument:
        return self._reached

    def operation(self, name: str) -> VendorDocument | None:
        method = self._methods.get(_without_names(name))
        if method is None:
            return None
        parameters = {}
        for key, parameter in {**self._document.get("parameters", {}), **method.get("parameters", {})}.items():
            if parameter.get("location") == "path":
                continue
            facts: VendorDocument = {"in": "query", "schema": self._schema({**parameter, "required": None})}
            if parameter.get("required"):
                facts["required"] = True
            parameters[key] = facts
        result: VendorDocument = {"parameters": parameters, "scopes": method.get("scopes", []), "responses": {}}
        if "request" in method:
            result["body"], result["body_required"] = self._schema(method["request"]), True
        result["responses"]["2XX"] = self._schema(method["response"]) if "response" in method else None
        return result

    def _collect(self, holder: Mapping[str, Any]) -> None:
        for method in holder.get("methods", {}).values():
            path = "/" + (self._document.get("servicePath", "") + method.get("flatPath", method["path"])).lstrip("/")
            self._methods[_without_names(f"{method['httpMethod']} {path}")] = method
        for resource in holder.get("resources", {}).values():
            self._collect(resource)

    def _schema(self, schema: VendorDocument) -> VendorDocument:
        result: VendorDocument = {}
        for key, value in schema.items():
            if key == "$ref":
                result["$ref"] = f"#/$defs/{self._reach(value)}"
            elif key == "properties":
                result[key] = {name: self._schema(one) for name, one in value.items()}
            elif key in ("items", "additionalProperties"):
                result[key] = self._schema(value)
            elif key == "type" and value == "any":
                continue
            elif key in ("type", "enum"):
                result[key] = value
        if schema.get("repeated"):
            return {"type": "array", "items": result}
        return result

    def _reach(self, name: str) -> str:
        if name not in self._reached:
            self._reached[name] = {}
            self._reached[name] = self._schema(self._document["schemas"][name])
        return name


def _without_names(path: str) -> str:
    """Actions of OData have the name of their namespace in descriptions, and not in requests."""
    return re.sub(r"\{[^}]*\}", "{}", re.sub(r"/microsoft\.graph\.(?=[a-z]\w+$)", "/", path))


def simulator_of(vendor: str) -> ModuleType:
    """The module of a simulator that the product serves, or of one that only tests use."""
    there = (SERVED / vendor).is_dir()
    return importlib.import_module(f"{'orchestrator.embedded' if there else 'tests'}.vendors.{vendor}.simulator")


def main(vendor: str, *paths: str) -> None:
    simulator = simulator_of(vendor)
    folder = Path(str(simulator.__file__)).parent
    about = json.loads((folder / "description.json").read_text()) if (folder / "description.json").exists() else {}
    facts = {key: about.get(key, "") for key in ("source", "licence", "version")}
    document = {
        **facts,
        **reduced([read_document(Path(path)) for path in paths], simulator.OPERATIONS, getattr(simulator, "TYPES", ())),
    }
    (folder / "description.json").write_text(_text(document), encoding="utf-8")


def _text(document: VendorDocument) -> str:
    """One line for each operation and each schema."""
    lines = ["{"]
    for key in ("source", "licence", "version"):
        lines.append(f" {json.dumps(key)}: {json.dumps(document[key])},")
    for key, last in (("operations", ","), ("$defs", "")):
        rows = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in document[key].items()]
        lines += [f" {json.dumps(key)}: {{", ",\n".join(rows), f" }}{last}"]
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    main(*sys.argv[1:])
