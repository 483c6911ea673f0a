"""Signing in a command line on a server, and which server and whom a command is for."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard
from tests.cli.pseudo_terminal import at_a_terminal
from tests.web.visitor import Visitor, api, token_of

CODE = re.compile(r"enter the code ([A-Z]{4}-[A-Z]{4})")
WITHIN = 60.0  # seconds


@asynccontextmanager
async def logging_in(url: str, config: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`offboard login` as a process, and the code that it shows."""
    program = Path(sys.executable).with_name("offboard")
    environment = {**os.environ, "XDG_CONFIG_HOME": str(config)}
    process = await asyncio.create_subprocess_exec(
        program, "login", url, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WITHIN):
            shown = (await process.stdout.readline()).decode()
        found = CODE.search(shown)
        assert found is not None and f"{url}/device" in shown, shown
        yield process, found[1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(WITHIN):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_a_login_is_confirmed_in_a_browser_and_lasts_until_the_logout(
    offboard: Offboard, stack: Stack, tmp_path: Path
) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path)}
    async with logging_in(stack.url, tmp_path) as (process, code), Visitor(stack.url) as browser:
        await browser.sign_in("operator")
        assert "signed in as you" in (await browser.submit("/device", {"code": code.lower()})).text
        returned, out, err = await ended(process)
    assert returned == 0 and f"signed in at {stack.url} as operator" in out, (out, err)
    assert "Waiting for confirmation" in err
    [kept] = tmp_path.rglob("*.json")
    assert kept.stat().st_mode & 0o777 == 0o600 and kept.parent.stat().st_mode & 0o777 == 0o700
    token = json.loads(kept.read_text())[stack.url]["token"]
    assert token not in out + err

    me = await offboard("whoami", env=config)
    assert me.code == 0 and "operator (" in me.out and stack.url in me.out and "Roles    operator" in me.out
    assert (await offboard("runs", "--json", env=config)).code == 0
    both = await offboard("runs", as_="hr", env=config)
    assert both.code == 0, "without OFFBOARD_SERVER, --as means the embedded stack"
    both = await offboard("runs", as_="hr", env={**config, "OFFBOARD_SERVER": stack.url})
    assert both.code == 1 and "You are signed in at" in both.err and "Omit --as" in both.err

    kept.chmod(0o644)
    opened = await offboard("runs", env=config)
    assert opened.code == 1 and "can be read by other users" in opened.err and "chmod 600" in opened.err
    kept.chmod(0o600)

    out_again = await offboard("logout", env=config)
    assert out_again.code == 0 and "signed out" in out_again.out and not kept.exists()
    async with api(stack.url, token) as program:
        assert (await program.get("/me")).status_code == 401
    again = await offboard("logout", env=config)
    assert again.code == 1 and "You are not signed in" in again.err
    nobody = await offboard("runs", env=config)
    assert nobody.code == 2 and "offboard login URL" in nobody.err
    elsewhere = await offboard("runs", env={**config, "OFFBOARD_SERVER": stack.url})
    assert elsewhere.code == 1 and f"offboard login {stack.url}" in elsewhere.err


async def test_a_login_that_is_refused_or_given_up_creates_no_session(stack: Stack, tmp_path: Path) -> None:
    async with logging_in(stack.url, tmp_path) as (process, code), Visitor(stack.url) as browser:
        await browser.sign_in("it")
        await browser.submit("/device", {"code": code, "answer": "refuse"})
        returned, _, err = await ended(process)
    assert returned == 1 and "The person rejected the sign-in" in err
    async with logging_in(stack.url, tmp_path) as (process, _):
        process.send_signal(signal.SIGINT)
        returned, _, err = await ended(process)
    assert returned == 1 and "You are not signed in" in err and "Traceback" not in err
    assert not list(tmp_path.rglob("*.json"))


async def test_at_a_terminal_a_browser_opens_where_the_code_is_confirmed(stack: Stack, tmp_path: Path) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    kept_in = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "BROWSER": str(browser)}
    async with at_a_terminal(stack.folder, "login", "--no-browser", **kept_in) as screen:
        await screen.until("Waiting for confirmation; the code")
        assert not opened.exists()
    async with at_a_terminal(stack.folder, "login", **kept_in) as screen:
        await screen.until("expires in 9 min")
        async with asyncio.timeout(WITHIN):
            while not opened.exists() or not opened.read_text().endswith("\n"):
                await asyncio.sleep(0.05)
        assert opened.read_text().strip() == f"{stack.url}/device"


async def test_a_sign_in_that_is_over_says_how_to_sign_in_again(
    offboard: Offboard, stack: Stack, tmp_path: Path
) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path)}
    token = await token_of(stack.url, "it")
    kept = tmp_path / "offboard" / "sign-ins.json"
    kept.parent.mkdir()

    def signed_in(expires_at: str) -> None:
        kept.touch(0o600)
        kept.write_text(json.dumps({stack.url: {"token": token, "actor_id": "it", "expires_at": expires_at}}))

    signed_in("2026-01-01T00:00:00Z")
    over = await offboard("inbox", env=config)
    assert over.code == 1 and "has expired" in over.err and f"offboard login {stack.url}" in over.err
    signed_in("2099-01-01T00:00:00Z")
    assert (await offboard("inbox", env=config)).code == 0
    async with api(stack.url, token) as program:
        assert (await program.delete(f"/tokens/{token.split('_')[1]}")).status_code == 204
    revoked = await offboard("inbox", env=config)
    assert revoked.code == 1 and "or was revoked" in revoked.err and f"offboard login {stack.url}" in revoked.err
    assert (await offboard("logout", env=config)).code == 0 and not kept.exists()
    kept.write_text("{")
    kept.chmod(0o600)
    broken = await offboard("inbox", env=config)
    assert broken.code == 1 and "is damaged" in broken.err


async def test_a_token_from_the_environment(offboard: Offboard, stack: Stack, tmp_path: Path) -> None:
    token = await token_of(stack.url, "auditor")
    server = {"OFFBOARD_SERVER": stack.url}
    said = await offboard("whoami", "--json", env={**server, "OFFBOARD_TOKEN": token})
    assert said.code == 0 and said.json["actor_id"] == "auditor" and said.json["server"] == stack.url
    file = tmp_path / "token"
    file.write_text(token + "\n")
    assert (await offboard("runs", env={**server, "OFFBOARD_TOKEN_FILE": str(file)})).code == 0
    both = await offboard("runs", as_="hr", env={**server, "OFFBOARD_TOKEN": token})
    assert both.code == 1 and "A token is given, so --as hr cannot be used" in both.err
    for wrong in (token[:-3] + "xyz", "nonsense"):
        refused = await offboard("runs", env={**server, "OFFBOARD_TOKEN": wrong})
        assert refused.code == 1 and "does not accept the token in OFFBOARD_TOKEN" in refused.err
        assert wrong not in refused.err
    garbled = await offboard("runs", env={**server, "OFFBOARD_TOKEN": "two words"})
    assert garbled.code == 1 and "is not a token" in garbled.err
    nowhere = await Offboard(tmp_path)("runs", env={"OFFBOARD_TOKEN": token})
    assert nowhere.code == 1 and "OFFBOARD_SERVER is not" in nowhere.err


@pytest.mark.parametrize(
    ("url", "said", "remedy"),
    [
        ("http://offboard.example.com", "is not encrypted", "https://"),
        ("http://127.0.0.1.example.com", "is not encrypted", "https://"),
        ("http://localhost@example.com", "is not the address of a server", "https://HOST"),
        ("https://somebody:secret@example.com", "is not the address of a server", "https://HOST"),
        ("https://example.com/offboard", "is not the address of a server", "https://HOST"),
        ("https://example.com:port", "is not the address of a server", "https://HOST"),
        ("", "is not the address of a server", "https://HOST"),
    ],
)
async def test_only_what_is_encrypted_is_talked_to(offboard: Offboard, url: str, said: str, remedy: str) -> None:
    answer = await offboard("login", url)
    assert answer.code == 1 and said in answer.err and remedy in answer.err
    if url:
        answer = await offboard("runs", env={"OFFBOARD_SERVER": url, "OFFBOARD_TOKEN": "obt_x"})
        assert answer.code == 1 and said in answer.err


async def test_a_server_that_does_not_answer_or_is_another(offboard: Offboard, unused_tcp_port: int) -> None:
    nobody = f"http://127.0.0.1:{unused_tcp_port}"
    for words in (("runs",), ("approve", "r1234567", "access"), ("watch", "r1234567")):
        silent = await offboard(*words, env={"OFFBOARD_SERVER": nobody, "OFFBOARD_TOKEN": "obt_x"})
        assert silent.code == 1 and f"{nobody} does not respond" in silent.err and "is running there" in silent.err
    silent = await offboard("login", nobody)
    assert silent.code == 1 and "does not respond" in silent.err

    async def another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        moved = b"HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/\r\ncontent-length: 0\r\n\r\n"
        writer.write(moved)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(another, "127.0.0.1", unused_tcp_port):
        other = await offboard("runs", env={"OFFBOARD_SERVER": nobody, "OFFBOARD_TOKEN": "obt_x"})
    assert other.code == 1 and "responds with 302, but not like an Offboard server" in other.err


async def test_peoples_commands_load_no_database_engine_server_or_packet_models() -> None:
    """They start faster for it, and work where only the command line is."""
    never = (
        "sqlalchemy",
        "psycopg",
        "temporalio",
        "fastapi",
        "pydantic",
        "yaml",
        "orchestrator.domain.events",
        "orchestrator.domain.packet",
        "orchestrator.embedded.stack",
        "orchestrator.worker",
    )
    code = (
        "import sys; from typer.main import get_command; from orchestrator.cli import make_app; "
        f"get_command(make_app()); print([name for name in {never!r} if name in sys.modules])"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert out.decode().strip() == "[]"


async def test_local_sign_in_leaves_no_token_on_disk(offboard: Offboard, stack: Stack, tmp_path: Path) -> None:
    config = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert (await offboard("runs", as_="hr", env=config)).code == 0
    assert not list(tmp_path.iterdir())
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{stack.url}/api/v1/runs")).status_code == 401
