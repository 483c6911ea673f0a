"""Modules and files that comments, docstrings and templates name in backticks exist under that name."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from orchestrator.ledger.schema.all_tables import metadata

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("activities", "connectors", "orchestrator", "migrations", "tests", "bench")
PACKAGES = {"activities", "connectors", "orchestrator"} | {
    path.parent.name for path in ROOT.glob("orchestrator/*/__init__.py")
}
MODULE = re.compile(r"`((?:[a-z_]+\.)+(?!(?:py|html)`)[a-zA-Z_]+)`")
FILE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+\.(?:py|html))`")
Reference = tuple[str, str]
"""Where it is, and the name."""


def comments(path: Path) -> Iterator[tuple[int, str]]:
    text = path.read_text()
    if path.suffix == ".html":
        for found in re.finditer(r"\{#.*?#\}", text, re.DOTALL):
            yield text.count("\n", 0, found.start()) + 1, found[0]
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def references(pattern: re.Pattern[str], root: Path = ROOT) -> Iterator[Reference]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".py", ".html") and pattern.search(path.read_text()):  # parsing all files takes long
                for line, text in comments(path):
                    yield from ((f"{path.relative_to(root)}:{line}", name) for name in pattern.findall(text))


def files(root: Path = ROOT) -> frozenset[str]:
    return frozenset(
        path.relative_to(root).as_posix()
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in (".py", ".html")
    )


def is_module(name: str, there: frozenset[str], root: Path = ROOT) -> bool:
    """Whether it is a module or package, or a name in one. The beginning may be left out: `domain.errors`."""
    whole, _, last = name.rpartition(".")
    for path in there:
        dotted = "." + path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if dotted.endswith(f".{name}"):
            return True
        if dotted.endswith(f".{whole}") and re.search(rf"\b{last}\b", (root / path).read_text()):
            return True
    return False


def test_modules_in_comments_exist() -> None:
    there = files()
    missing = [
        f"{where}: {name}"
        for where, name in references(MODULE)
        if name.partition(".")[0] in PACKAGES and name not in metadata.tables
        if not is_module(name, there)
    ]
    assert not missing, "\n".join(missing)


def test_files_in_comments_exist() -> None:
    there = files()
    missing = [
        f"{where}: {name}"
        for where, name in references(FILE)
        if not any(f"/{path}".endswith(f"/{name}") for path in there)
    ]
    assert not missing, "\n".join(missing)


def test_a_missing_one_is_found(tmp_path: Path) -> None:
    (tmp_path / "orchestrator" / "web").mkdir(parents=True)
    (tmp_path / "orchestrator" / "web" / "pages.py").write_text(
        '"""As in `web.cards`."""\nCARD = 1  # see `web/cards.py`\n'
    )
    (tmp_path / "orchestrator" / "web" / "page.html").write_text("{#\nMade by `pages.py`.\n#}\n<p>`cards.py`</p>")
    assert list(references(MODULE, tmp_path)) == [("orchestrator/web/pages.py:1", "web.cards")]
    assert list(references(FILE, tmp_path)) == [
        ("orchestrator/web/page.html:1", "pages.py"),
        ("orchestrator/web/pages.py:2", "web/cards.py"),
    ]
    there = files(tmp_path)
    assert is_module("web.pages", there, tmp_path) and is_module("web.pages.CARD", there, tmp_path)
    assert not is_module("web.cards", there, tmp_path) and not is_module("web.pages.OTHER", there, tmp_path)


def test_decisions_are_numbered_one_after_the_other_and_references_name_the_right_one() -> None:
    records = {path.name[:4]: path.name for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))}
    names = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    titles = {number: (ROOT / "docs" / "decisions" / name).read_text().split()[1] for number, name in records.items()}
    assert {number: title.rstrip(":") for number, title in titles.items()} == {number: number for number in records}
    wrong = [
        f"{path.relative_to(ROOT)}: {said} names {name}"
        for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for said, name in re.findall(r"\[decision (\d{4})\]\((?:[\w./]*/)?([\w-]+\.md)\)", path.read_text())
        if records.get(said) != name
    ]
    assert wrong == []
