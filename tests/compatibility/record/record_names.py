"""Made `names.json.gz` and `openapi.json.gz` on commit 77071ca. Never again: see `fixtures/README.md`.

python -m tests.compatibility.record.record_names
"""

from __future__ import annotations

import ast
import asyncio
import re
import tempfile
from pathlib import Path

import psycopg

from tests.compatibility import product
from tests.compatibility.fixture_files import read_json, write_json
from tests.compatibility.frozen_names import names, pattern, trees

REFUSALS = {"Refusal", "NotAllowed", "TooLate", "Invalid", "TooOften", "NotAnswered", "InquiryFailed", "Problem"}
CONNECTOR_ERRORS = {"ConnectorError", "TryAgainError", "ActionRequiredError", "RefusedError"}
SETTING_READERS = {"get", "given_value", "path", "_needed", "_number", "SettingWrong", "SettingMissing"}
SEALED = {"seal", "open", "lookup_tag", "person_for", "find_person"}
MODES = {"ab", "rb", "w", "x"}
CODE = r"[a-z]+(_[a-z0-9]+)*"
SETTING = r"[A-Z]+(_[A-Z]+)*"


def written() -> dict[str, list[str]]:
    """Names that only stand where they are used. The code may come to write them elsewhere, so the test looks for
    them among all constants of the code."""
    topics = ("refusals", "connector_errors", "settings", "sealed", "metrics", "loggers")
    found: dict[str, set[str]] = {topic: set() for topic in topics}
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, bytes) and node.value.startswith(b"offboard"):
                found["sealed"].add(node.value.decode())
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                from_text(node.value, found)
            elif isinstance(node, ast.FunctionDef) and node.name == "_context":
                found["sealed"].update(pattern(inner) for inner in ast.walk(node) if isinstance(inner, ast.JoinedStr))
            elif (
                isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and "PREFIX" in ast.dump(node.left)
            ):
                found["settings"].add(node.right.value)
            elif isinstance(node, ast.Call):
                from_call(node, found)
    found["sealed"] = found["sealed"] - MODES | {"history cursor"}
    found["settings"].discard("==")
    return {topic: sorted(names) for topic, names in found.items()}


def from_text(text: str, found: dict[str, set[str]]) -> None:
    found["settings"] |= set(re.findall(r"OFFBOARD_[A-Z_]+[A-Z]", text))
    if re.fullmatch(r"offboard\.[a-z_]+", text):
        found["loggers"].add(text)
    elif re.fullmatch(r"offboard(\.[a-z_]+)+", text):
        found["metrics"].add(text)


def from_call(node: ast.Call, found: dict[str, set[str]]) -> None:
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    texts = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    codes = [text for text in texts if re.fullmatch(CODE, text)]
    if called in REFUSALS:
        found["refusals"].update(codes[:1])
    elif called in CONNECTOR_ERRORS:
        found["connector_errors"].update(codes[:1])
    elif called in SETTING_READERS:
        found["settings"].update(text for text in texts if re.fullmatch(SETTING, text))
    elif called in SEALED:
        found["sealed"].update(codes[:1])
        found["sealed"].update(pattern(a) for a in node.args if isinstance(a, ast.JoinedStr))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with product.PostgresServer.start(Path(folder), databases=("names",)) as postgres:
            await asyncio.to_thread(product.upgrade, postgres.url("names"))
            with psycopg.connect(postgres.conninfo("names")) as connection:
                write_json("names.json.gz", {**names(connection), "written": written()})
    environment = read_json("environment.json")
    write_json("settings.json", product.settings_as_read(environment), default=str)
    write_json("openapi.json.gz", product.application().openapi())


if __name__ == "__main__":
    asyncio.run(main())
