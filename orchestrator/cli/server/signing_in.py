"""Signing in on a server: `login`, `logout`, `whoami`. A device flow (RFC 8628): the code that is shown here is typed
into a browser in which the person is signed in, on this machine or on another."""

from __future__ import annotations

import asyncio
import os
import threading
import webbrowser
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server import sign_ins
from orchestrator.cli.server.access import entering, named_server
from orchestrator.cli.server.server import Server, ServerRefused, Unreachable, address
from orchestrator.cli.server.sign_ins import StoredSignIn
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import clean, instant, note, print_json, say
from orchestrator.documents.document import Document
from orchestrator.domain.errors import Refusal
from orchestrator.embedded.address import stack_url
from orchestrator.vocabulary.durations import length

SLOW_DOWN_SECONDS = 5.0
"""Seconds by which to ask more seldom where the server says so (RFC 8628, section 3.5)."""
Url = Annotated[
    str | None, typer.Argument(metavar="URL", help="https://HOST. Default: OFFBOARD_SERVER, then the embedded stack.")
]


def login(
    url: Url = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address; do not open a browser.")
    ] = False,
    folder: Folder = FOLDER,
) -> None:
    """Sign in to a server: confirm the code shown here in a browser. Ctrl-C cancels."""
    try:
        carry_out(_login(url, no_browser, folder))
    except KeyboardInterrupt:
        note("You are not signed in.")
        raise typer.Exit(REFUSED) from None


async def _login(url: str | None, no_browser: bool, folder: Path) -> None:
    server_url = _server(url, folder)
    sign_ins.kept()  # what cannot be kept is said before anyone has confirmed anything
    async with Server(server_url) as server:
        device = await server.post("device")
        say(f"Open {device['confirm_at']} in a browser and enter the code {device['code']}.")
        if not no_browser:
            _open_browser(str(device["confirm_at"]))
        token = await _confirmed(server, device)
    sign_ins.keep(StoredSignIn(server.url, token["actor_id"], token["expires_at"], token["token"]))
    say(f"You are signed in at {server.url} as {token['actor_id']}, until {instant(token['expires_at'])}.")


def _server(url: str | None, folder: Path) -> str:
    found = (address(url) if url is not None else None) or named_server() or stack_url(folder)
    if found is None:
        raise typer.BadParameter("Give the server: offboard login https://HOST, or set OFFBOARD_SERVER.")
    return found


def _open_browser(confirm_at: str) -> None:
    """Only for a person at a terminal, and never a browser that would take that terminal over, unless they named
    it themselves (`BROWSER`). Some end only when their window is closed: no one waits for them."""
    from rich.console import Console

    if not Console().is_terminal or not confirm_at.startswith(("https://", "http://")):
        return
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    if type(browser) is not webbrowser.GenericBrowser or os.environ.get("BROWSER"):
        threading.Thread(target=browser.open, args=(confirm_at,), daemon=True).start()


async def _confirmed(server: Server, device: Document) -> Document:
    """Asks until a user has confirmed. Raises `Refusal` where they refused, or the code is over."""
    from rich.console import Console

    loop = asyncio.get_running_loop()
    until, every = loop.time() + float(device["expires_in"]), float(device["interval"])
    console = Console(stderr=True)
    if not console.is_terminal:
        note(f"Waiting for confirmation, at most {length(device['expires_in'])}. Ctrl-C cancels.")
    with console.status("") as moving:
        while loop.time() < until:
            left = length(timedelta(seconds=int(until - loop.time())))
            moving.update(clean(f"Waiting for confirmation; the code {device['code']} expires in {left}"))
            await asyncio.sleep(every)
            try:
                return await server.post("device", "token", body={"device_secret": device["device_secret"]})
            except ServerRefused as refused:
                if refused.code == "slow_down":
                    every += SLOW_DOWN_SECONDS
                elif refused.code != "authorization_pending" and refused.status < 500:
                    raise
            except Unreachable:
                continue  # a server that is started again meanwhile does not make anyone type another code
    raise LocalRefusal("expired_token", "The code has expired.", "Run `offboard login` again.")


def logout(url: Url = None, folder: Folder = FOLDER) -> None:
    """Sign out of a server: revoke this machine's token and delete it."""
    carry_out(_logout(url, folder))


async def _logout(url: str | None, folder: Path) -> None:
    known = sign_ins.kept()
    named = (address(url) if url is not None else None) or named_server()
    if named is None:
        if len(known) > 1:
            raise LocalRefusal(
                "several_servers",
                f"You are signed in to several servers: {', '.join(sorted(known))}.",
                "Give one of them.",
            )
        named = next(iter(known), None)
    sign_in = known.get(named or "")
    if sign_in is None:
        raise LocalRefusal(
            "not_signed_in", f"You are not signed in{f' at {named}' if named else ''}.", "There is nothing to do."
        )
    failure: Refusal | None = None
    if sign_in.token_id is not None and not sign_in.ended:
        try:
            async with Server(sign_in.server, sign_in.token) as server:
                await server.delete("tokens", sign_in.token_id)
        except ServerRefused as refused:
            failure = refused if refused.status not in (401, 404) else None  # it works no more already
        except Unreachable as silent:
            failure = silent
    sign_ins.forget(sign_in.server)
    say(f"You are signed out at {sign_in.server}.")
    if failure is not None:
        raise LocalRefusal(
            "not_revoked",
            f"The token is deleted on this machine but not revoked on the server: {failure.message}",
            f"It expires at {instant(sign_in.expires_at)}. To revoke it now, use the server's Tokens page.",
        )


def whoami(alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """Show who you are signed in as, and on which server."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return {"server": server.url, **await server.get("me")}

    me = carry_out(work())
    if json:
        print_json(me)
        return
    called = f" ({me['name']})" if me["name"] else ""
    say(f"{me['actor_id']}{called} at {me['server']}", style="bold")
    say(f"Roles    {', '.join(me['roles']) or 'none'}")
    if not me["known_to_hr"]:
        say("This account is not linked to a person in HR, so it cannot approve.")
    if me["decides_for"]:
        say(f"For      {', '.join(me['decides_for'])} (delegate)")
    if me["token_expires_at"] is not None:
        say(f"Until    {instant(me['token_expires_at'])}")
