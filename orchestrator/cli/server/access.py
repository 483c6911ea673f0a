"""The server that a command uses, and the account that it acts as.

| what is there | which | as whom |
|---|---|---|
| `OFFBOARD_TOKEN` or `OFFBOARD_TOKEN_FILE` | `OFFBOARD_SERVER` | whose the token is |
| `OFFBOARD_SERVER` | that one | who signed in there with `offboard login` |
| `--as NAME` or `OFFBOARD_AS` | the embedded stack in `--folder` | that member of its staff |
| nothing of these | where `offboard login` signed in | who signed in |
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import typer

from orchestrator.cli.server import sign_ins
from orchestrator.cli.server.server import Server, address
from orchestrator.cli.server.sign_ins import StoredSignIn
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.domain.errors import Refusal
from orchestrator.embedded.address import stack_url

SERVER, TOKEN, TOKEN_FILE = "OFFBOARD_SERVER", "OFFBOARD_TOKEN", "OFFBOARD_TOKEN_FILE"  # names
SIGN_OUT_TIMEOUT_SECONDS = 2.0
WHO = "Not signed in. Use `offboard login URL`, or --as NAME on the embedded stack (`offboard up`)."


@dataclass(frozen=True, slots=True)
class Way:
    """`alias` signs in by name. `over` is what to say where the token works no more."""

    url: str
    token: str | None = field(default=None, repr=False)
    alias: str | None = None
    over: tuple[str, str] | None = None


@asynccontextmanager
async def entering(folder: Path, alias: str | None) -> AsyncIterator[Server]:
    """The server, ready to be asked. Raises `Refusal`, and `typer.BadParameter` where nothing says who acts."""
    way = which(folder, alias)
    async with Server(way.url, way.token, way.over) as server:
        if way.alias is None:
            yield server
            return
        signed_in = await server.post("sign-in", "local", body={"alias": way.alias})
        server.act_with(signed_in["token"])
        try:
            yield server
        finally:
            # Nothing about the embedded stack is kept, neither here nor there; where it is gone, so is the token.
            with suppress(Refusal, TimeoutError):
                async with asyncio.timeout(SIGN_OUT_TIMEOUT_SECONDS):
                    await server.delete("tokens", sign_ins.token_id(signed_in["token"]) or "")


def which(folder: Path, alias: str | None) -> Way:
    server, token = named_server(), _token()
    if token is not None:
        _alone(alias, "A token is given")
        if server is None:
            server = stack_url(folder)
            if server is None:
                raise LocalRefusal(
                    "server_missing", f"{TOKEN} is set, and {SERVER} is not.", f"Set {SERVER} to its URL."
                )
        over = (
            f"{server} does not accept the token in {TOKEN}: it is invalid, expired or revoked.",
            f"Set a valid token, or unset {TOKEN} and run `offboard login`.",
        )
        return Way(server, token, over=over)
    known = sign_ins.kept()
    if server is not None:
        if server in known:
            _alone(alias, f"You are signed in at {server}")
            return _signed_in(known[server])
        if alias is not None:
            return Way(server, alias=alias)
        raise LocalRefusal(
            "not_signed_in", f"You are not signed in at {server}.", f"Sign in: `offboard login {server}`."
        )
    if alias is not None:
        url = stack_url(folder)
        if url is None:
            elsewhere = f" Omit --as to use {next(iter(known))}." if known else ""
            raise LocalRefusal(
                "no_stack",
                "The embedded stack is not running.",
                f"Start one in another terminal: `offboard up`.{elsewhere}",
            )
        return Way(url, alias=alias)
    if not known:
        raise typer.BadParameter(WHO)
    if len(known) > 1:
        servers = ", ".join(sorted(known))
        raise LocalRefusal(
            "several_servers", f"You are signed in to several servers: {servers}.", f"Set {SERVER} to one of them."
        )
    return _signed_in(next(iter(known.values())))


def named_server() -> str | None:
    given = os.environ.get(SERVER, "").strip()
    return address(given) if given else None


def _token() -> str | None:
    path = os.environ.get(TOKEN_FILE)
    given = Path(path).read_text().strip() if path else os.environ.get(TOKEN, "").strip()
    if not given:
        return None
    if not given.isascii() or not given.isprintable() or " " in given:
        raise LocalRefusal("not_a_token", f"The value of {TOKEN} is not a token.", "Set it to exactly one token.")
    return given


def _alone(alias: str | None, why: str) -> None:
    if alias is not None:
        raise LocalRefusal(
            "as_with_token",
            f"{why}, so --as {alias} cannot be used: you act as the owner of the token.",
            "Omit --as, and unset OFFBOARD_AS.",
        )


def _signed_in(sign_in: StoredSignIn) -> Way:
    remedy = f"Sign in again: `offboard login {sign_in.server}`."
    if sign_in.ended:
        raise LocalRefusal("sign_in_over", f"Your sign-in at {sign_in.server} has expired.", remedy)
    over = (f"Your sign-in at {sign_in.server} has expired or was revoked.", remedy)
    return Way(sign_in.server, sign_in.token, over=over)
