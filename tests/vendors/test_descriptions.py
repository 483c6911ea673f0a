"""Each simulator's description is the vendor's, and covers what the simulator serves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded.vendors.description import Description
from tests.vendors.reduction import SERVED, read_document, reduced, simulator_of

Schemas = Mapping[str, Any]
FOLDERS = {
    path.parent.name: path.parent
    for folder in (SERVED, Path(__file__).parent)
    for path in folder.glob("*/simulator.py")
    if path.parent.name != "aws"
}
"""Of each simulator. The description of AWS is read from botocore: `tests/vendors/aws/test_aws_simulator.py`."""
PUBLISHED = os.environ.get("VENDOR_DESCRIPTIONS", "")
"""A folder with descriptions as the vendors publish them: files that begin with the name of a simulator's folder."""


def description_of(vendor: str) -> dict[str, Any]:
    return dict(json.loads((FOLDERS[vendor] / "description.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("vendor", sorted(FOLDERS))
def test_it_covers_every_operation_or_a_page_does(vendor: str) -> None:
    simulator = simulator_of(vendor)
    description = Description.of(FOLDERS[vendor])
    missing = {name for name in simulator.ROUTES if not description.describes(name)}
    assert missing == set(simulator.UNDESCRIBED)
    assert all(page.startswith("https://") for page in simulator.UNDESCRIBED.values())
    assert description.source.startswith("https://")
    assert description.licence in ("Apache-2.0", "MIT")


@pytest.mark.parametrize("vendor", sorted(FOLDERS))
def test_it_is_what_the_vendor_publishes(vendor: str) -> None:
    """For every operation that the published documents have; they may be cut down themselves."""
    paths = sorted(Path(PUBLISHED).glob(f"{vendor}*.*")) if PUBLISHED else []
    if not paths:
        pytest.skip(f"no published description of {vendor}: VENDOR_DESCRIPTIONS names a folder with {vendor}*.json")
    kept = description_of(vendor)
    simulator = simulator_of(vendor)
    types = getattr(simulator, "TYPES", ())
    fresh = reduced([read_document(path) for path in paths], kept["operations"], types)
    assert fresh["operations"]
    says = partial(says_as_much, kept_schemas=kept["$defs"], schemas=fresh["$defs"])
    for name, facts in fresh["operations"].items():
        assert says(kept["operations"][name], facts), (name, kept["operations"][name], facts)
    for name, schema in fresh["$defs"].items():
        if name in kept["$defs"]:
            assert says(kept["$defs"][name], schema), (name, kept["$defs"][name], schema)


def says_as_much(kept: Any, published: Any, *, kept_schemas: Schemas, schemas: Schemas) -> bool:
    """Whether both describe the same. Published files differ in form: one names a schema that another has in its place,
    or lists the schemas between which a discriminator chooses. Converted copies, as of Slack's, also lack what is
    required, and what is in some lists: there the kept one may say more."""
    if published in ({}, kept):
        return True
    kept, published = _spelled_out(kept, kept_schemas), _spelled_out(published, schemas)
    says = partial(says_as_much, kept_schemas=kept_schemas, schemas=schemas)
    if isinstance(kept, dict) and isinstance(published, dict):
        known = {"required": [], "body_required": False, "items": {}}
        return kept.keys() | known.keys() == published.keys() | known.keys() and all(
            _requires(kept.get(key), value) if key in ("required", "body_required") else says(kept.get(key), value)
            for key, value in published.items()
        )
    if isinstance(kept, list) and isinstance(published, list):
        return len(kept) == len(published) and all(map(says, kept, published))
    return bool(kept == published)


def _requires(kept: Any, published: Any) -> bool:
    return set(published) <= set(kept or ()) if isinstance(published, list) else bool(kept or not published)


def _spelled_out(node: Any, schemas: Schemas) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        node = schemas[node["$ref"].removeprefix("#/$defs/")]
        if "mapping" in node.get("discriminator", {}):
            return {"anyOf": [{"$ref": name} for name in sorted(set(node["discriminator"]["mapping"].values()))]}
    if isinstance(node, dict) and isinstance(node.get("anyOf"), list):
        beside = {key: value for key, value in node.items() if key not in ("anyOf", "discriminator")}
        members = [one if "$ref" in one else {**beside, **one, **_filled(one, beside)} for one in node["anyOf"]]
        return {"anyOf": sorted(members, key=lambda one: json.dumps(one.get("$ref") or one.get("type") or one))}
    return node


def _filled(schema: Mapping[str, Any], beside: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in beside.items() if schema.get(key) == {}}


def test_a_published_description_that_says_more_or_something_else_is_found() -> None:
    schemas = {
        "Cause": {"properties": {"why": {"type": "string"}}},
        "Factor": {"discriminator": {"propertyName": "type", "mapping": {"b": "#/$defs/B", "a": "#/$defs/A"}}},
        "A": {"allOf": [{"$ref": "#/$defs/Factor"}]},
        "B": {"allOf": [{"$ref": "#/$defs/Factor"}]},
    }
    says = partial(says_as_much, kept_schemas=schemas, schemas=schemas)
    cause, factor = {"items": {"$ref": "#/$defs/Cause"}}, {"$ref": "#/$defs/Factor"}
    assert says({"items": schemas["Cause"]}, cause) and says(cause, {"items": schemas["Cause"]})
    assert says(factor, {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}]})
    assert not says(factor, {"anyOf": [{"$ref": "#/$defs/A"}]})
    assert not says({"items": {"properties": {}}}, cause) and not says({"items": {"properties": {"why": {}}}}, cause)
    assert says({"body_required": True, "body": {"required": ["id"]}}, {"body_required": False, "body": {}})
    assert not says({"body_required": False}, {"body_required": True})
    assert not says({"required": ["id"]}, {"required": ["id", "team"]})
    assert not says({"type": "string", "enum": ["on"]}, {"type": "string", "enum": ["on", "off"]})
    assert not says({"type": "string", "enum": ["on"]}, {"type": "string"})


def test_a_description_finds_what_differs() -> None:
    schema = {
        "type": "object",
        "required": ["id"],
        "properties": {
            "id": {"type": "string"},
            "state": {"enum": ["on", "off"]},
            "tags": {
                "type": "array",
                "items": {
                    "allOf": [{"$ref": "#/$defs/Tag"}, {"type": "object", "properties": {"note": {"type": "string"}}}]
                },
            },
        },
    }
    document = {
        "source": "https://vendor.example",
        "licence": "MIT",
        "$defs": {"Tag": {"properties": {"name": {}}}},
        "operations": {
            "PUT /things/{id}": {
                "parameters": {"dry": {"in": "query", "schema": {"type": "boolean"}, "required": True}},
                "body": schema,
                "body_required": True,
                "responses": {"200": schema, "204": None},
            }
        },
    }
    description = Description(document)
    good = {"id": "1", "state": "on", "tags": [{"name": "x", "note": "y"}]}
    assert list(description.faults_of_request("PUT /things/{thing}", {"dry": ["true"]}, good)) == []
    assert list(description.faults_of_request("PUT /things/{thing}", {"dry": ["yes"], "wet": ["1"]}, None)) == [
        "PUT /things/{thing}: the query parameter wet is not described",
        "PUT /things/{thing}: query parameter dry: $: 'yes' is not of type 'boolean'",
        "PUT /things/{thing}: the body is missing",
    ]
    wrong = {"state": "odd", "tags": [{"name": "x", "colour": "red"}]}
    found = list(description.faults_of_answer("PUT /things/{thing}", 200, wrong))
    assert sorted(one.partition("200: ")[2] for one in found) == [
        "$.state: 'odd' is not one of ['on', 'off']",
        "$.tags[0].colour is not described",
        "$: 'id' is a required property",
    ]
    assert list(description.faults_of_answer("PUT /things/{thing}", 204, None)) == []
    assert list(description.faults_of_answer("PUT /things/{thing}", 204, {"id": "1"})) != []
    assert list(description.faults_of_answer("PUT /things/{thing}", 201, good)) != []
