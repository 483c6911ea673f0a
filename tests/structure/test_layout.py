"""The shape of the code: who imports what, where the environment is read, how long a file is.

The layers themselves are in pyproject.toml and are checked by import-linter, which `make lint` runs. A test here checks
that every contract is there.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from connectors import abilities as connector_abilities
from orchestrator.domain.packet import ability
from orchestrator.domain.permissions.levels import Level
from tests.long_files import LONG_FILES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "activities", "connectors", "migrations")
LONGEST = 400

MOST_MODULES = 16
"""In one folder, `__init__.py` not counted. More than about fifteen are usually several nouns."""
MORE_MODULES = {"migrations/versions": "one module for each migration"}
"""Folders with more, and why."""

SAYS_WHY = re.compile(r"^Over 400 lines: \S", re.MULTILINE)
"""A line in the docstring of a longer file, with the reason why it is not split."""

CLASS = re.compile(r"\bclass\s+(\w+)")
"""Every definition of a class, and other texts that look like one."""

ALIAS = re.compile(r"^(_?[A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)(?:: TypeAlias)? =", re.MULTILINE)
"""What looks like the definition of a type alias or a type variable."""

SAME_VALUES = {"Level", "SystemClass"}
"""Names that connectors and the domain define both, since neither may import the other, with the same values."""

PURE = {"pydantic", "pydantic_core", "cel_expr_python"}
"""What the domain uses beside the standard library."""
ALSO = {"orchestrator/domain/packet/packet_yaml.py": {"yaml"}}
"""A packet's files are YAML, and their faults are named by line: reading a text is no I/O."""

CONTRACTS = {
    ("layers", "Imports point downwards, and siblings stand apart"),
    ("forbidden", "Connectors stand alone"),
    ("forbidden", "Workflows and domain decide and do nothing, by whatever way"),
    ("forbidden", "The domain knows no engine"),
    ("forbidden", "Only the ledger and its queries speak SQL"),
    ("forbidden", "Only entry points read settings"),
    ("forbidden", "Verification shares nothing with the store but the written format"),
}
"""Of import-linter, in pyproject.toml."""

ENTRY_POINTS = (
    "orchestrator/cli/", "orchestrator/demo/", "orchestrator/worker.py", "orchestrator/embedded/",
    "orchestrator/settings.py",
)  # fmt: skip


def python_files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Parsed once for all tests. It takes long, so a test searches the text first where that can rule a file out."""
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """The first word of everything imported, at whatever depth of the code it is imported."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def test_every_import_contract_is_there() -> None:
    """`make check` and `make test` run `lint-imports` before this, so it is not run again here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {(one["type"], one["name"]) for one in project["contracts"]} == CONTRACTS
    assert set(project["root_packages"]) == set(PACKAGES)


def test_the_domain_is_pure() -> None:
    for path in python_files("orchestrator/domain"):
        foreign = set(imported(path)) - set(sys.stdlib_module_names) - {"orchestrator"} - PURE
        assert foreign <= ALSO.get(name_of(path), set()), f"{name_of(path)} imports {foreign}"


def test_the_domain_has_no_clock_no_randomness_and_no_io() -> None:
    """They come in as arguments."""
    never = {"time", "random", "secrets", "uuid", "socket", "subprocess", "asyncio", "threading", "os", "tempfile"}
    calls = {"now", "utcnow", "today", "open", "read_text", "write_text", "print", "input"}
    reads_files = {"orchestrator/domain/packet/packet_files.py"}  # the starter packets are package data
    for path in python_files("orchestrator/domain"):
        assert not never & set(imported(path)), f"{name_of(path)} imports {never & set(imported(path))}"
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and name_of(path) not in reads_files:
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert called not in calls, f"{name_of(path)}:{node.lineno} calls {called}"


def test_connectors_stand_alone() -> None:
    ours = {"orchestrator", "activities", "migrations", "temporalio"}
    for path in python_files("connectors"):
        assert not ours & set(imported(path)), name_of(path)


@pytest.mark.parametrize(
    "module",
    ["orchestrator.workflows.offboarding", "orchestrator.workflows.inquiry", "orchestrator.domain.run.upcoming"],
)
def test_what_workflows_and_domain_really_load(module: str) -> None:
    """By whatever way, in a fresh process. `temporalio` brings its own things; these are none of them."""
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    never = {
        "sqlalchemy",
        "psycopg",
        "alembic",
        "httpx",
        "fastapi",
        "starlette",
        "opentelemetry",
        "ldap3",
        "aiosmtplib",
    }
    assert not never & loaded
    if module.startswith("orchestrator.domain"):
        assert "temporalio" not in loaded


def test_workflow_code_loads_no_native_expression_library() -> None:
    code = "import sys, orchestrator.workflows.offboarding; print('cel_expr_python' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_connectors_and_webhooks_send_http_requests_in_one_place() -> None:
    """What `connectors.http.sending` promises of a request holds for all of them."""
    making = {"AsyncClient", "Client", "request", "stream", "get", "post", "put", "patch", "delete"}
    found = {
        name_of(path)
        for path in python_files("connectors", "activities")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "httpx"
        and node.func.attr in making
    }
    assert found == {"connectors/http/sending.py"}


def test_only_entry_points_read_the_environment() -> None:
    for path in python_files(*PACKAGES):
        if name_of(path).startswith(ENTRY_POINTS) or not re.search("environ|getenv", path.read_text()):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr not in ("environ", "getenv", "environb"), f"{name_of(path)}:{node.lineno}"


def test_nothing_is_named_for_what_it_is_not() -> None:
    never = {"util", "utils", "helper", "helpers", "manager", "managers", "common", "base", "shared", "misc"}
    for path in python_files(*PACKAGES, "tests", "bench"):
        assert path.stem not in never and path.parent.name not in never, name_of(path)


def test_files_of_tests_have_different_names() -> None:
    """pytest imports them by their names alone, and collects none of a name that it has already."""
    places: dict[str, list[str]] = {}
    for path in python_files("tests"):
        places.setdefault(path.name, []).append(name_of(path))
    assert {name: found for name, found in places.items() if name.startswith("test_") and len(found) > 1} == {}


def defined_types(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Name, line and whether it is a type variable: of all classes, and of the type aliases of the module. Constants in
    capitals are not aliases."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name, node.lineno, False
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ):
                is_variable = isinstance(value, ast.Call) and ast.unparse(value.func) == "TypeVar"
                is_alias = ALIAS.match(f"{name} =") and isinstance(
                    value, ast.Subscript | ast.BinOp | ast.Name | ast.Attribute
                )
                if is_variable or is_alias:
                    yield name, node.lineno, is_variable


def test_a_type_has_a_name_of_its_own() -> None:
    """A class or a type alias. Several type variables may have one name, for each is of its own module."""
    named: dict[str, list[Path]] = {}
    for path in python_files(*PACKAGES, "tests", "bench"):
        text = path.read_text()
        for name in {*CLASS.findall(text), *ALIAS.findall(text)}:
            named.setdefault(name, []).append(path)
    defined: dict[str, list[tuple[str, bool]]] = {}
    for path in sorted({path for paths in named.values() if len(paths) > 1 for path in paths}):
        for name, line, is_variable in defined_types(tree_of(path)):
            defined.setdefault(name, []).append((f"{name_of(path)}:{line}", is_variable))
    several = {
        name: [place for place, _ in places]
        for name, places in defined.items()
        if len(places) > 1 and not all(is_variable for _, is_variable in places)
    }
    assert set(several) == SAME_VALUES, several


def test_types_with_one_name_have_the_same_values() -> None:
    assert get_args(connector_abilities.SystemClass) == get_args(ability.SystemClass)
    assert set(get_args(connector_abilities.Level)) == {level.name.lower() for level in Level}


def test_a_file_over_400_lines_says_why() -> None:
    """A file is one noun. A long one is usually two."""
    for path in python_files(*PACKAGES, "tests", "bench"):
        text = path.read_text()
        says_why = "Over 400 lines: " in text and SAYS_WHY.search(ast.get_docstring(tree_of(path)) or "")
        if len(text.splitlines()) > LONGEST:
            assert says_why, f"{name_of(path)}: split it by noun, or add 'Over 400 lines: REASON' to its docstring"
        else:
            assert not says_why, f"{name_of(path)}: it has fewer than 400 lines; remove the reason"


def test_a_folder_has_few_modules() -> None:
    """A newcomer finds the place of a change by the names of folders."""
    modules = Counter(name_of(path.parent) for path in python_files(*PACKAGES) if path.name != "__init__.py")
    more = {
        folder: number for folder, number in modules.items() if number > MOST_MODULES and folder not in MORE_MODULES
    }
    assert not more, f"{more}: at most {MOST_MODULES} modules; move those about one noun into a package"
    assert all(modules[folder] > MOST_MODULES for folder in MORE_MODULES), "remove the exceptions that no folder needs"


def test_each_migration_follows_the_one_before() -> None:
    paths = sorted((ROOT / "migrations" / "versions").glob("[0-9]*.py"))
    before = "None"
    for path in paths:
        number = f'"{path.name.partition("_")[0]}"'
        assert number != before, f"{path.name}: two migrations have this number"
        assert f"\nrevision = {number}\ndown_revision = {before}\n" in path.read_text(), path.name
        before = number


def test_the_long_files_of_the_tests_exist() -> None:
    assert [path for path in LONG_FILES if not (ROOT / path).is_file()] == []


def test_lint_runs_what_is_promised_before_every_run_of_the_tests() -> None:
    text = (ROOT / "Makefile").read_text()
    for word in ("ruff", "mypy", "lint-imports"):
        assert word in text
    assert re.search(r"^check: lint ##", text, re.MULTILINE)
    recipe = text[re.search(r"^test:", text, re.MULTILINE).end() :]  # type: ignore[union-attr]  # there is a target test
    assert "$(MAKE) lint && wait\n\t@$(PYTEST)" in recipe.partition("\n\n")[0]
    assert "make test" in (ROOT / ".ci" / "run").read_text()
