"""What the repository says of itself, read for the tests here: services, settings, commands."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
import yaml

from orchestrator import settings
from orchestrator.cli import make_app
from orchestrator.web import settings as web_settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
MONITORING = ROOT / "deploy" / "monitoring" / "compose.yaml"
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = (*(ROOT / page for page in PAGES), *sorted((ROOT / "docs").rglob("*.md")))

_READ = re.compile(
    r"(?:(?<![.\w])(?P<how>get|path|given_value|_needed|_number)\(\s*(?:given,\s*)?|given\.get\(PREFIX \+ )"
    r'"(?P<name>[A-Z_]+)"'
)
_OF_COMMANDS = {
    "OFFBOARD_AS", "OFFBOARD_FOLDER", "OFFBOARD_CHECKPOINT_VERIFIER", "OFFBOARD_SERVER", "OFFBOARD_TOKEN",
    "OFFBOARD_TOKEN_FILE",
}  # fmt: skip
"""What the command line itself reads, for people's commands."""


def compose(file: Path = COMPOSE) -> dict[str, Any]:
    """A compose file with its merges (`<<`) carried out."""
    read = yaml.safe_load(file.read_text())
    assert isinstance(read, dict)
    return read


def setting_names() -> set[str]:
    """Every name that `Settings` and `WebSettings` read, as written in the environment; with `…_FILE` where that is
    read too."""
    names = set()
    read = "".join(Path(module.__file__).read_text() for module in (settings, web_settings))
    for found in _READ.finditer(read):
        names.add(settings.PREFIX + found["name"])
        if found["how"] not in ("path", None):
            names.add(f"{settings.PREFIX}{found['name']}_FILE")
    return names


def known_names() -> set[str]:
    return setting_names() | _OF_COMMANDS


@functools.cache
def command_paths() -> dict[tuple[str, ...], Any]:
    """Every command of `offboard` by the words that lead to it; groups as well. (Typer has click's classes under
    names of its own.)"""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(inner, (*words, name))

    return dict(walk(typer.main.get_command(make_app()), ()))


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words of a command line name, and what is left of them. Raises `KeyError`."""
    known = command_paths()
    count = 0
    while count < len(words) and tuple(words[: count + 1]) in known:
        count += 1
    command = known[tuple(words[:count])]
    if count == 0 or (hasattr(command, "commands") and not command.invoke_without_command):
        raise KeyError(" ".join(words))
    return command, words[count:]


def options_of(command: Any) -> set[str]:
    return {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
