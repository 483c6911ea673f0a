"""Typing commands, and looking until a run is as wanted."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
import typer.main
from click.testing import CliRunner

from orchestrator.cli import make_app
from orchestrator.embedded.address import stack_url
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from tests.web.visitor import sign_ins_at

WITHIN = 30.0  # seconds
ENDS_TOKENS = ("tokens", "sessions", "revoke-role", "login", "logout")
"""Commands after which a token may work no more."""
_numbers = itertools.count(1)


@functools.cache
def _command() -> click.Command:
    return typer.main.get_command(make_app())


@dataclass(frozen=True)
class CommandResult:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Offboard:
    """`await offboard("runs", as_="hr")`, as if typed. The stack is found through its folder, as by anyone. Commands of
    the same person share a token, unless `env` is given: `--as` signs in and out for each command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __call__(self, *words: str, as_: str | None = None, env: dict[str, str] | None = None) -> CommandResult:
        url = stack_url(self.folder) if as_ is not None and env is None else None
        if as_ is not None and url is not None:
            with suppress(AssertionError, httpx.HTTPError):
                as_, env = None, {"OFFBOARD_TOKEN": await sign_ins_at(url).token(as_)}
            if words[0] in ENDS_TOKENS:
                sign_ins_at(url).forget()
        arguments, environment = self._typed(words, as_, env)
        # In a thread: a command runs an event loop of its own.
        done = await asyncio.to_thread(CliRunner().invoke, _command(), arguments, env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return CommandResult(done.exit_code, done.stdout, done.stderr)

    async def beside(self, *words: str, as_: str | None = None, env: dict[str, str] | None = None) -> CommandResult:
        """In a process of its own: for what goes on while other commands are typed, which would take its output."""
        arguments, environment = self._typed(words, as_, env)
        program = Path(sys.executable).with_name("offboard")
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={name: value for name, value in {**os.environ, **environment}.items() if value is not None},
        )
        try:
            out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return CommandResult(process.returncode or 0, out.decode(), err.decode())

    def _typed(
        self, words: Sequence[str], as_: str | None, env: dict[str, str] | None
    ) -> tuple[list[str], dict[str, str | None]]:
        arguments = [*words, "--as", as_] if as_ is not None else list(words)
        return arguments, {
            **dict.fromkeys(("OFFBOARD_AS", "OFFBOARD_SERVER", "OFFBOARD_TOKEN", "OFFBOARD_TOKEN_FILE")),
            "OFFBOARD_FOLDER": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "TZ": "UTC",
            **(env or {}),
        }

    async def done(self, *words: str, as_: str | None = None) -> CommandResult:
        answer = await self(*words, as_=as_)
        assert answer.code == 0, answer.err or answer.out
        return answer

    async def refused(self, *words: str, as_: str | None = None) -> str:
        """What is said to someone who is refused."""
        answer = await self(*words, as_=as_)
        assert (answer.code, "Traceback" in answer.err) == (1, False), (answer.code, answer.out, answer.err)
        assert answer.err.strip(), "a refusal says something"
        return answer.err


NewLeaver = Callable[..., Awaitable[Employee]]
StartRun = Callable[..., Awaitable[str]]


async def hired(stack: Stack, traits: Sequence[str] = (), **fields: Any) -> Employee:
    number = next(_numbers)
    name = "".join(chr(ord("a") + int(digit)) for digit in str(number))
    row: dict[str, Any] = {
        "employee_number": f"C-{number:04d}",
        "given_name": f"Miravelda{name}",
        "family_name": f"Tossenbrück{name}",
        "email": f"miravelda.tossenbrueck.{name}@wolkenmuehle.example",
        "department": "Engineering",
        "title": "Software Engineer",
        "manager_number": "E-1010",
        "time_zone": "Europe/Berlin",
        "leaving": True,
    }
    person = Employee(**{**row, "traits": frozenset(traits), **fields})
    await stack.company.hire([person])
    return person


async def until(offboard: Offboard, run_id: str, so: Callable[[Any], bool]) -> Any:
    """The run's document, as soon as it is as wanted."""
    deadline = asyncio.get_running_loop().time() + WITHIN
    while True:
        run = (await offboard.done("show", run_id, "--json", as_="auditor")).json
        if so(run):
            return run
        assert asyncio.get_running_loop().time() < deadline, json.dumps(run, indent=1)[:6000]
        await asyncio.sleep(0.1)


def open_exceptions(run: Any) -> list[Any]:
    return [known for known in run["exceptions"] if known["state"] == "open"]
