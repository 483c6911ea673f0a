"""Every code of a failure that connectors and activities raise or record has a label."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from orchestrator.vocabulary.states import FAILURE

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
RAISING = re.compile(r"\w*(Error|NotReceived)|error|kind|fail|fail_sent|_problem|AttemptResult")
# The first arguments of an AttemptResult say who must react and what happened.
NOT_CODES = {"try_again", "action_required", "refused", "no", "unknown"}


def words(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression can be, as far as they have the form of a code."""
    match node:
        case ast.Constant(value=str(text)) if CODE.fullmatch(text):
            yield text
        case ast.IfExp(body=body, orelse=other):
            yield from words(body)
            yield from words(other)
        case ast.Tuple(elts=elements):
            for element in elements:
                yield from words(element)


def names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def codes(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords) if RAISING.fullmatch(name):
                found = [word for argument in arguments for word in words(argument)]
                found += [word for each in keywords if each.arg == "code" for word in words(each.value)]
                yield from (word for word in found if name != "AttemptResult" or word not in NOT_CODES)
            case ast.Call(keywords=keywords):
                yield from (word for each in keywords if each.arg == "code" for word in words(each.value))
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=True):
                    if names(target) == {"code"}:
                        yield from words(value)
            case ast.Assign(targets=[target], value=value) if "code" in names(target):
                yield from words(value)


def test_every_code_of_a_failure_has_a_label() -> None:
    found: dict[str, set[str]] = {}
    for folder in ("connectors", "activities"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for code in codes(ast.parse(path.read_text())):
                found.setdefault(code, set()).add(str(path.relative_to(ROOT)))
    assert {"credential_refused", "connection_lost", "rate_kept", "recipient_ambiguous"} <= found.keys()
    assert {code: places for code, places in found.items() if code not in FAILURE} == {}
