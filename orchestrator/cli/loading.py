"""Commands that are imported when they are used: typer's groups over the table of commands.

offboard --help        the table alone
offboard ledger key    the module of `ledger key`
all of `commands`      every module, for tests and the documentation
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from orchestrator.cli.command_table import CommandEntry, CommandGroup, CommandSection

PLAIN: dict[str, Any] = {"add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": None}
"""Help and errors as plain lines: typer imports all of `rich` for its frames, which takes longer than the rest."""


class CommandsOnDemand(MutableMapping[str, Any]):
    """Commands by name, in the order of the table. A name imports its command."""

    def __init__(self, listed: tuple[CommandEntry | CommandGroup, ...]) -> None:
        self._listed = {one.called: one for one in listed}
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(self._listed[name])
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._listed[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __contains__(self, name: object) -> bool:
        return name in self._listed


def group_class(sections: tuple[CommandSection, ...]) -> type[TyperGroup]:
    """A group of these commands; its help lists them by section."""

    class OnDemand(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = CommandsOnDemand(tuple(one for section in sections for one in section.commands))

        def list_commands(self, ctx: Any) -> list[str]:
            return list(self.commands)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            for section in sections:
                with formatter.section(section.title):
                    formatter.write_dl([(one.called, one.summary) for one in section.commands])

    return OnDemand


def _load(listed: CommandEntry | CommandGroup) -> Any:
    if isinstance(listed, CommandEntry):
        app = typer.Typer(**PLAIN)
        app.command(listed.called)(load_function(listed.place))
        return get_command(app)
    app = typer.Typer(
        name=listed.called,
        cls=group_class((CommandSection("Commands", listed.commands),)),
        help=listed.summary,
        no_args_is_help=not listed.lists,
        **PLAIN,
    )
    app.callback(invoke_without_command=bool(listed.lists))(load_function(listed.lists) if listed.lists else _nothing)
    return get_group(app)


def load_function(place: str) -> Callable[..., None]:
    module, _, name = place.partition(":")
    function: Callable[..., None] = getattr(import_module(f"orchestrator.cli.{module}"), name)
    return function


def _nothing() -> None: ...
