"""Each simulator's description is the vendor's, and covers what the simulator serves."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.vendors.description import Description
from tests.vendors.reduction import read_document, reduced

FOLDER = Path(__file__).parent
VENDORS = sorted(path.parent.name for path in FOLDER.glob("*/simulator.py") if path.parent.name != "aws")
"""That of AWS is read from botocore: `tests/vendors/aws/test_aws_simulator.py`."""
PUBLISHED = os.environ.get("VENDOR_DESCRIPTIONS", "")
"""A folder with descriptions as the vendors publish them: files that begin with the name of a simulator's folder."""


def description_of(vendor: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / vendor / "description.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("vendor", VENDORS)
def test_it_covers_every_operation_or_a_page_does(vendor: str) -> None:
    simulator = importlib.import_module(f"tests.vendors.{vendor}.simulator")
    description = Description.of(FOLDER / vendor)
    missing = {name for name in simulator.ROUTES if not description.describes(name)}
    assert missing == set(simulator.UNDESCRIBED)
    assert all(page.startswith("https://") for page in simulator.UNDESCRIBED.values())
    assert description.source.startswith("https://")
    assert description.licence in ("Apache-2.0", "MIT")


@pytest.mark.parametrize("vendor", VENDORS)
def test_it_is_what_the_vendor_publishes(vendor: str) -> None:
    """For every operation that the published documents have; they may be cut down themselves."""
    paths = sorted(Path(PUBLISHED).glob(f"{vendor}*.*")) if PUBLISHED else []
    if not paths:
        pytest.skip(f"no published description of {vendor}: VENDOR_DESCRIPTIONS names a folder with {vendor}*.json")
    kept = description_of(vendor)
    simulator = importlib.import_module(f"tests.vendors.{vendor}.simulator")
    types = getattr(simulator, "TYPES", ())
    fresh = reduced([read_document(path) for path in paths], kept["operations"], types)
    assert fresh["operations"]
    for name, facts in fresh["operations"].items():
        assert facts == kept["operations"][name], name
    for name, schema in fresh["$defs"].items():
        assert schema == kept["$defs"][name], name


def test_a_description_finds_what_differs() -> None:
    schema = {
        "type": "object", "required": ["id"],
        "properties": {"id": {"type": "string"}, "state": {"enum": ["on", "off"]}, "tags": {"type": "array", "items": {
            "allOf": [{"$ref": "#/$defs/Tag"}, {"type": "object", "properties": {"note": {"type": "string"}}}]}}},
    }  # fmt: skip
    document = {
        "source": "https://vendor.example", "licence": "MIT", "$defs": {"Tag": {"properties": {"name": {}}}},
        "operations": {"PUT /things/{id}": {
            "parameters": {"dry": {"in": "query", "schema": {"type": "boolean"}, "required": True}},
            "body": schema, "body_required": True, "responses": {"200": schema, "204": None},
        }},
    }  # fmt: skip
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
        "$.state: 'odd' is not one of ['on', 'off']", "$.tags[0].colour is not described",
        "$: 'id' is a required property",
    ]  # fmt: skip
    assert list(description.faults_of_answer("PUT /things/{thing}", 204, None)) == []
    assert list(description.faults_of_answer("PUT /things/{thing}", 204, {"id": "1"})) != []
    assert list(description.faults_of_answer("PUT /things/{thing}", 201, good)) != []
