"""Every recorded name is still there and means the same. Additions are allowed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.compatibility import product
from tests.compatibility.comparison import changed, lost
from tests.compatibility.conftest import CopyDatabase
from tests.compatibility.fixture_files import read_json
from tests.compatibility.frozen_names import FrozenDocument, inlined, names, text_constants

RECORDED: FrozenDocument = read_json("names.json.gz")
METHODS = ("get", "put", "post", "delete", "patch")


@pytest.fixture(scope="module")
async def of_today(postgres: product.PostgresServer, copied: CopyDatabase) -> FrozenDocument:
    """Read with the recorded database after every later migration."""
    async with copied() as database:
        with psycopg.connect(postgres.conninfo(database)) as connection:
            return names(connection)


@pytest.mark.parametrize("topic", sorted(RECORDED.keys() - {"written"}))
def test_names_are_still_there(topic: str, of_today: FrozenDocument) -> None:
    assert not list(lost(RECORDED[topic], of_today[topic], topic))


def test_a_fresh_database_has_the_tables_too(migrated_template: str, postgres: product.PostgresServer) -> None:
    with psycopg.connect(postgres.conninfo(migrated_template)) as connection:
        assert not list(lost(RECORDED["tables"], names(connection)["tables"], "tables"))


@pytest.mark.parametrize("topic", sorted(RECORDED["written"]))
def test_codes_settings_and_contexts_are_still_in_the_code(topic: str) -> None:
    """Wherever: a table of rules may have them as well as the place where they are used."""
    there = text_constants()
    missing = [name for name in RECORDED["written"][topic] if name.removeprefix("OFFBOARD_") not in there]
    in_messages = "\n".join(text for text in there if "OFFBOARD_" in text)
    assert not [name for name in missing if not (name.startswith("OFFBOARD_") and name in in_messages)]


def test_the_sample_environment_is_read_as_it_was() -> None:
    now = json.loads(json.dumps(product.settings_as_read(read_json("environment.json")), default=str))
    assert not list(changed(read_json("settings.json"), now))


def test_the_described_api_is_still_there() -> None:
    before = operations(read_json("openapi.json.gz"))
    now = operations(product.application().openapi())
    assert not [loss for name, one in before.items() for loss in operation_lost(name, one, now)]


def operations(document: FrozenDocument) -> dict[str, FrozenDocument]:
    """By method and path, with every schema written out, so that models may get other names."""
    schemas = document["components"]["schemas"]
    return {
        f"{method.upper()} {path}": inlined({**operation, "$defs": schemas})
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    }


def operation_lost(name: str, recorded: FrozenDocument, now: dict[str, FrozenDocument]) -> Iterator[str]:
    if name not in now:
        yield f"{name}: it is gone"
        return
    said = {"operationId", "summary", "tags"}
    answered: dict[str, Any] = {"given": False, "passed_over": said}
    yield from lost(recorded["responses"], now[name]["responses"], f"{name} responses", **answered)
    asked = {key: value for key, value in recorded.items() if key != "responses"}
    yield from lost(asked, now[name], name, passed_over=said)


def test_no_parameter_became_required() -> None:
    before = operations(read_json("openapi.json.gz"))
    now = operations(product.application().openapi())
    for name, one in before.items():
        known = {(p["in"], p["name"]): p.get("required", False) for p in one.get("parameters", ())}
        for parameter in now[name].get("parameters", ()):
            required = parameter.get("required", False)
            assert not required or known.get((parameter["in"], parameter["name"])), f"{name} {parameter['name']}"
