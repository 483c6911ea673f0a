"""ruff lays out the code. `# fmt: skip` is for tables of a module: an assignment of data that is read in rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.structure.test_layout import PACKAGES, name_of, python_files, tree_of

MARK = "# fmt: " + "skip"
FOLDERS = (*PACKAGES, "tests", "bench", "docs")

MAX_ELSEWHERE = 30
"""Marks that are not at a table. The number is never raised: lower it when marks are removed."""


def marked_code(text: str, tree: ast.Module) -> Iterator[int]:
    """The lines with a mark that does not end an assignment of the module."""
    tables = {node.end_lineno for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)}
    yield from (
        number for number, line in enumerate(text.splitlines(), start=1) if line.endswith(MARK) and number not in tables
    )


def test_only_tables_are_not_laid_out_by_the_formatter() -> None:
    found = []
    for path in python_files(*FOLDERS):
        text = path.read_text()
        if MARK in text:
            found += [f"{name_of(path)}:{number}" for number in marked_code(text, tree_of(path))]
    assert len(found) <= MAX_ELSEWHERE, f"Remove the mark at one of these places, then run ruff format: {found}"


def test_code_with_the_mark_is_found() -> None:
    text = f"TABLE = (\n    1, 2,\n)  {MARK}\n\ndef work():\n    return (\n        1, 2,\n    )  {MARK}\n"
    assert list(marked_code(text, ast.parse(text))) == [8]
