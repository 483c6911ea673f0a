"""The names that others rely on, as the code has them: stored events, workflows, tables, settings, routes, codes.

`names` gives all of them as JSON; the recorded list came from here too.
"""

from __future__ import annotations

import ast
import functools
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import typer.main
from pydantic import BaseModel, TypeAdapter
from temporalio import activity, workflow

from tests.compatibility import product

ROOT = Path(__file__).parents[2]
FrozenDocument = dict[str, Any]
WORDS = ("title", "description", "examples", "x-description")
"""Of a JSON schema: what is said about a value, which may be said otherwise."""


def names(connection: psycopg.Connection[Any]) -> FrozenDocument:
    """`connection` is to a database on which every migration ran."""
    return {
        "events": {kind.type_name(): _event(kind) for kind in product.EVENT_TYPES},
        "packet_files": {
            name: schema_of(model)
            for name, model in (
                ("workflow.yaml", product.Workflow),
                ("platform.yaml", product.Platform),
                ("approvals.yaml", product.Approvals),
            )
        },
        "workflows": {_workflow(kind).name: sorted(map(str, _workflow(kind).signals)) for kind in product.WORKFLOWS},
        "workflow_ids": product.workflow_ids(),
        "activities": {_activity_name(stub): _signature(stub) for stub in product.ACTIVITIES},
        "task_queue": product.default_task_queue(),
        "tables": _tables(connection),
        "words": {
            "exception_kinds": sorted(typing.get_args(product.ExceptionKind)),
            "run_states": sorted(typing.get_args(product.RunStatus)),
            "phases": sorted(typing.get_args(product.Phase)),
            "owners": sorted(typing.get_args(product.Owner)),
            "actor_kinds": sorted(typing.get_args(product.ActorKind)),
            "levels": sorted(level.value for level in product.Level),
        },
        "abilities": {kind: _abilities(known) for kind, known in product.connector_kinds().items()},
        "routes": routes(),
        "commands": _commands(),
        "json_fields": _documented_fields(),
    }


def schema_of(model: type[BaseModel]) -> FrozenDocument:
    return inlined(model.model_json_schema())


def inlined(schema: FrozenDocument) -> FrozenDocument:
    """Without the names of models, which are the code's own, and without words."""
    definitions = schema.get("$defs", {})

    def inline(value: Any, above: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [inline(item, above) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            return {"recursive": True} if name in above else inline(definitions[name], (*above, name))
        return {
            key: {name: inline(field, above) for name, field in inner.items()}
            if key == "properties"
            else inline(inner, above)
            for key, inner in value.items()
            if key not in (*WORDS, "$defs")
        }

    found: FrozenDocument = inline(schema, ())
    return found


def _event(kind: type[product.Event]) -> FrozenDocument:
    return {
        "schema": kind.schema_version,
        "personal": sorted(kind.personal_fields()),
        "fields": schema_of(kind),
    }


def _workflow(kind: type[Any]) -> Any:
    return workflow._Definition.must_from_class(kind)


def _activity_name(stub: Any) -> str:
    return str(activity._Definition.must_from_callable(stub).name)


def _signature(stub: Any) -> FrozenDocument:
    hints = typing.get_type_hints(stub)
    answered = hints.pop("return")
    return {
        "arguments": [inlined(TypeAdapter(hint).json_schema()) for hint in hints.values()],
        "answer": None if answered is type(None) else inlined(TypeAdapter(answered).json_schema(mode="serialization")),
    }


def _tables(connection: psycopg.Connection[Any]) -> FrozenDocument:
    ours = "('ledger', 'read', 'engine', 'access', 'keyring')"
    columns = connection.execute(
        "SELECT table_schema, table_name, column_name, data_type, is_nullable "
        f"FROM information_schema.columns WHERE table_schema IN {ours}"
    ).fetchall()
    found: FrozenDocument = {}
    for schema, table, column, kind, nullable in columns:
        found.setdefault(f"{schema}.{table}", {})[column] = f"{kind}{'' if nullable == 'YES' else ' not null'}"
    functions = connection.execute(
        f"SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
        f"WHERE n.nspname IN {ours}"
    ).fetchall()
    triggers = connection.execute(
        "SELECT event_object_schema || '.' || event_object_table, event_manipulation, action_statement "
        f"FROM information_schema.triggers WHERE event_object_schema IN {ours}"
    ).fetchall()
    return {
        "columns": found,
        "functions": sorted(row[0] for row in functions),
        "triggers": sorted(" ".join(row) for row in triggers),
    }


def _abilities(known: Any) -> FrozenDocument:
    facts = ("level", "repeat", "read_back", "reversible", "cuts_access", "needs_account")
    return {name: {fact: getattr(ability, fact) for fact in facts} for name, ability in known.items()}


def routes() -> list[str]:
    return sorted(set(_routes(product.application().routes)))


def _routes(found: Any) -> Iterator[str]:
    for route in found:
        if hasattr(route, "effective_candidates"):  # a router that was taken in: its own routes are inside
            yield from _routes(route.effective_candidates())
        else:
            for method in sorted(getattr(route, "methods", None) or ["MOUNT"]):
                yield f"{method} {route.path}"


def _commands() -> FrozenDocument:
    found: FrozenDocument = {}

    def look(command: Any, path: str) -> None:
        found[path] = sorted(
            word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts)
        )
        for name, inner in getattr(command, "commands", {}).items():
            look(inner, f"{path} {name}".strip())

    look(typer.main.get_command(product.commands_and_options()), "")
    return found


def _documented_fields() -> list[str]:
    """What is in backticks in the page about `--json`."""
    text = (ROOT / "docs" / "json.md").read_text()
    return sorted({word for span in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\b[a-z][a-z_]+\b", span)})


def trees() -> Iterator[ast.Module]:
    for package in product.CODE:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield ast.parse(path.read_text())


@functools.cache
def text_constants() -> set[str]:
    """Every text and every sequence of bytes in the code, and f-strings with `{}` for what is put in."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                found.add(node.value.decode("latin-1"))
            elif isinstance(node, ast.JoinedStr):
                found.add(pattern(node))
    return found


def pattern(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
