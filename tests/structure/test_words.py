"""What people read is plain: labels, help texts, errors, mails, packets, documentation and the API's description use
none of the `BANNED` words.

Templates, vocabularies, help texts and the description are parsed or loaded, so comments, names and codes do not count
there. Comments, docstrings and names of tests have a shorter list, `BANNED_IN_COMMENTS`. docs/words.md says what to
write instead.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from jinja2 import Environment, nodes

from orchestrator.cli import make_app
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.vocabulary import states
from orchestrator.vocabulary.events import EVENTS
from orchestrator.web import words
from orchestrator.web.application import make_application
from orchestrator.web.requests import problems
from orchestrator.web.settings import WebSettings

ROOT = Path(__file__).resolve().parents[2]
BANNED = re.compile(
    r"(?<!-)\b(whoever|whomever|somebody|anybody|nobody|everybody|told|anew|theirs|by itself|by themselves|for good"
    r"|under way|left out|leave (it|this|a step|the step)? ?out|looked at|stands? (in|for|behind|there)"
    r"|mend(s|ed|ing)?|doors?(?! code)|rooms?|houses?|lately|once more|put right|look(s|ed|ing)? (after|whether)"
    r"|(take|takes|taken|took) away|(give|gives|gave|given) back|go(es)? on|work(s|ed)? out|no one (knows|else)"
    r"|say(s|ing)? so|is (called|none) (so|of ours))\b",
    re.IGNORECASE,
)

PlacedText = tuple[str, str]
"""Where a text is, and the text."""


def faults(texts: Iterator[PlacedText]) -> list[str]:
    return [
        f"{where}: “{found[0]}” in “{' '.join(text.split())[:120]}”"
        for where, text in texts
        if (found := BANNED.search(text)) is not None
    ]


# Where people read


def template_texts(folder: Path = ROOT / "orchestrator/web/templates") -> Iterator[PlacedText]:
    """Markup between the tags of the template language, and strings that are printed or handed to a macro."""
    environment = Environment(autoescape=True, extensions=["jinja2.ext.do"])
    for path in sorted(folder.rglob("*.html")):
        for node in environment.parse(path.read_text()).find_all((nodes.TemplateData, nodes.Const)):
            text = node.data if isinstance(node, nodes.TemplateData) else node.value
            if isinstance(text, str):
                yield f"{path.relative_to(folder)}:{node.lineno}", text


def python_texts(*patterns: str, root: Path = ROOT) -> Iterator[PlacedText]:
    """Strings in code: no docstrings, no keys of mappings or subscripts, no comparisons, no codes of one word."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            every = list(ast.walk(ast.parse(path.read_text())))
            skipped = {id(node) for node in _not_read(every)}
            for node in every:
                if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in skipped:
                    continue
                if not (node.value.isidentifier() and node.value.islower()):
                    yield f"{path.relative_to(root)}:{node.lineno}", node.value


def _not_read(nodes_of_file: Iterable[ast.AST]) -> Iterator[ast.expr | None]:
    for node in nodes_of_file:
        match node:
            case ast.Expr():
                yield node.value
            case ast.Dict():
                yield from node.keys
            case ast.Subscript():
                yield node.slice
            case ast.Compare():
                yield from (node.left, *node.comparators)


def mapping_texts(name: str, mapping: Mapping[str, Any]) -> Iterator[PlacedText]:
    for key, value in mapping.items():
        if isinstance(value, str):
            yield f"{name}[{key!r}]", value
        elif isinstance(value, Mapping):
            yield from mapping_texts(f"{name}[{key!r}]", value)


def vocabulary_texts() -> Iterator[PlacedText]:
    for module in (states, words):
        for name, value in vars(module).items():
            if isinstance(value, Mapping) and not name.startswith("__"):
                yield from mapping_texts(f"{module.__name__}.{name}", value)
    yield from ((f"EVENTS[{name!r}]", known.label) for name, known in EVENTS.items())
    for kind, rule in RULES.items():
        yield from ((f"RULES[{kind!r}]", text) for text in (rule.title, rule.meaning, rule.remedy))


def help_texts(app: Callable[[], typer.Typer] = make_app) -> Iterator[PlacedText]:
    yield from _help_of("offboard", typer.main.get_command(app()))


def _help_of(name: str, command: Any) -> Iterator[PlacedText]:
    yield name, f"{command.help or ''}\n{command.epilog or ''}\n{getattr(command, 'rich_help_panel', None) or ''}"
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    for below, inner in getattr(command, "commands", {}).items():
        yield from _help_of(f"{name} {below}", inner)


def description_texts() -> Iterator[PlacedText]:
    """Titles, summaries and descriptions of the OpenAPI document."""
    yield from _described("", _description())


@cache
def _description() -> dict[str, Any]:
    settings = WebSettings.read({"OFFBOARD_PUBLIC_URL": "http://127.0.0.1"})
    return make_application(SimpleNamespace(settings=settings)).openapi()  # type: ignore[arg-type]


def _described(where: str, node: Any) -> Iterator[PlacedText]:
    if isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _described(f"{where}/{number}", inner)
    elif isinstance(node, dict):
        for key, inner in node.items():
            if key in ("title", "summary", "description") and isinstance(inner, str):
                if inner.lower().split() != where.rpartition("/")[2].split("_"):  # the frozen name of a property
                    yield f"{where}/{key}", inner
            else:
                yield from _described(f"{where}/{key}", inner)


def problem_titles() -> Iterator[PlacedText]:
    yield from ((f"{status}", title) for status, title in problems._TITLES.items())


def file_texts(*patterns: str, root: Path = ROOT) -> Iterator[PlacedText]:
    """Each line of a file that people read as it is: packets with their comments, documentation."""
    for pattern in patterns:
        for path in sorted(root.glob(pattern)):
            for number, line in enumerate(path.read_text().splitlines(), start=1):
                yield f"{path.relative_to(root)}:{number}", line


SOURCES: Mapping[str, Callable[[], Iterator[PlacedText]]] = {
    "templates": template_texts,
    "vocabularies": vocabulary_texts,
    "help of commands": help_texts,
    "description of the API": description_texts,
    "titles of problems": problem_titles,
    "pages and API": lambda: python_texts("orchestrator/web/**/*.py"),
    "terminal": lambda: python_texts("orchestrator/cli/**/*.py"),
    "demo": lambda: python_texts("orchestrator/demo/**/*.py"),
    "mails and webhooks": lambda: python_texts("orchestrator/notifications/**/*.py"),
    "documents": lambda: python_texts("orchestrator/documents/**/*.py"),
    "refusals": lambda: python_texts(
        "orchestrator/domain/**/*.py", "orchestrator/commands/**/*.py", "orchestrator/deciding/**/*.py"
    ),
    "remedies and labels": lambda: python_texts("orchestrator/vocabulary/**/*.py"),
    "errors of workers": lambda: python_texts(
        "activities/**/*.py", "connectors/**/*.py", "orchestrator/workflows/**/*.py"
    ),
    "errors of servers": lambda: python_texts(
        "orchestrator/*.py",
        "orchestrator/ledger/**/*.py",
        "orchestrator/reading/**/*.py",
        "orchestrator/embedded/*.py",
        "orchestrator/telemetry/**/*.py",
    ),
    "packets": lambda: file_texts("orchestrator/packets/*/*.yaml", "orchestrator/embedded/packet/*.yaml"),
    "documentation": lambda: file_texts("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/[!w]*.md", "docs/*/*.md"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_people_read_has_plain_words(source: str) -> None:
    found = faults(SOURCES[source]())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_is_empty(source: str) -> None:
    assert any(text.strip() for _, text in SOURCES[source]())


# What developers read


BANNED_IN_COMMENTS = re.compile(
    r"\b(whoever|whomever|nobody|somebody|anybody|everybody|told|anew|lately|stood"
    r"|stands? (in|for|here|there|behind|on|at)|mend(s|ed|ing)?|doors?(?! code)|rooms?|houses?)\b",
    re.IGNORECASE,
)
DEVELOPERS_READ = ("activities/**/*.py", "connectors/**/*.py", "orchestrator/**/*.py", "migrations/**/*.py",
                   "bench/**/*.py", "tests/**/*.py")  # fmt: skip


def files_with(pattern: re.Pattern[str], *globs: str, root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Files in which the pattern matches anywhere, and their texts. Tokenizing all of them takes ten times as long."""
    for glob in globs:
        for path in sorted(root.glob(glob)):
            if pattern.search(text := path.read_text()):
                yield path, text


def comment_texts(*globs: str, root: Path = ROOT) -> Iterator[PlacedText]:
    """Lines of comments and docstrings, without the code in backticks, of files with a banned word."""
    for path, text in files_with(BANNED_IN_COMMENTS, *globs, root=root):
        lines = set[int]()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        found = {number: line for number, line in enumerate(text.splitlines(), start=1) if number in lines}
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string
        for number, line in sorted(found.items()):
            yield f"{path.relative_to(root)}:{number}", re.sub(r"`[^`]*`", "", line)


def test_comments_and_docstrings_have_plain_words() -> None:
    texts = (text for text in comment_texts(*DEVELOPERS_READ) if "test_words.py:" not in text[0])
    found = [f"{where}: {text.strip()}" for where, text in texts if BANNED_IN_COMMENTS.search(text)]
    assert not found, "\n".join(found)


UNPLAIN_NAMES = re.compile(
    r"\b_*(told|tell|tells|telling|mend|mended|whoever|nobody|somebody|anybody|anew|lately|most_\w+)\b", re.IGNORECASE
)


def names_in_code(*globs: str, root: Path = ROOT) -> Iterator[PlacedText]:
    """Names of files in which a name is not plain."""
    for path, text in files_with(UNPLAIN_NAMES, *globs, root=root):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield f"{path.relative_to(root)}:{token.start[0]}", token.string


def test_names_are_plain() -> None:
    names = names_in_code("activities/**/*.py", "connectors/**/*.py", "orchestrator/**/*.py")
    found = [f"{where}: {name}" for where, name in names if UNPLAIN_NAMES.fullmatch(name)]
    assert not found, "\n".join(found)


def test_names_of_tests_are_plain() -> None:
    names = [
        (f"{path.relative_to(ROOT)}", name)
        for path in sorted(ROOT.glob("tests/**/*.py"))
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    ]
    assert len(names) > 1000
    found = [f"{where}: {name}" for where, name in names if BANNED_IN_COMMENTS.search(name.replace("_", " "))]
    assert not found, "\n".join(found)


# That it can fail


def test_templates_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '{# Whoever reads this #}{% if told %}<p class="told-off">{{ told }}</p>{% endif %}\n'
        '<p>Nobody is here.</p>{{ button("It ends by itself") }}\n<input aria-label="Who is told">'
    )
    assert [fault.partition(" in “")[0] for fault in faults(template_texts(tmp_path))] == [
        "page.html:1: “told”", "page.html:1: “Nobody”", "page.html:2: “by itself”", "page.html:2: “told”",
    ]  # fmt: skip


def test_code_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(
        '"""Whoever reads this."""\n# nobody\nLABELS = {"nobody": "Nobody", "nobody_looked": f"Somebody {name}"}\n'
        'if LABELS["nobody"] == "nobody":\n    told = "It stands in the ledger."\n'
    )
    assert [fault.partition(" in “")[0] for fault in faults(python_texts("*.py", root=tmp_path))] == [
        "page.py:3: “Nobody”", "page.py:5: “stands in”", "page.py:3: “Somebody”",
    ]  # fmt: skip


def test_help_mappings_and_descriptions_are_looked_through() -> None:
    app = typer.Typer(help="Plain.")

    @app.command()
    def one(name: str = typer.Option("", help="Whoever it is.")) -> None:
        """Somebody."""

    @app.command()
    def other() -> None:
        """Plain."""

    assert len(faults(help_texts(lambda: app))) == 2
    assert len(faults(mapping_texts("V", {"nobody": "Plain", "a": {"b": "Nobody"}}))) == 1
    document = {"paths": {"/told": {"get": {"summary": "Is told", "operationId": "told"}}}, "title": "Nobody"}
    assert len(faults(_described("", document))) == 2


def test_names_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text('_told, most_in = "nobody", untold  # told\n')
    (tmp_path / "other.py").write_text("retold = 1\n")
    names = names_in_code("*.py", root=tmp_path)
    assert [name for _, name in names if UNPLAIN_NAMES.fullmatch(name)] == ["_told", "most_in"]


def test_comments_and_docstrings_are_parsed(tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(
        '"""Plain,\nand whoever reads `nobody`."""\nNAMES = {"nobody": "Nobody"}  # somebody\nONE = 1\n"""Lately."""\n'
    )
    found = [where for where, text in comment_texts("*.py", root=tmp_path) if BANNED_IN_COMMENTS.search(text)]
    assert found == ["page.py:2", "page.py:3", "page.py:5"]
