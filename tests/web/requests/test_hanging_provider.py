"""An identity provider whose keys never arrive, or whose answers never end: other requests keep their time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.web.access import provider
from orchestrator.web.access.provider import Provider, SignInFailed
from orchestrator.web.settings import OidcSettings
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ScriptedServer
from tests.web.access.test_provider import KEY, SECRET, OpenIdProvider, signed
from tests.web.api.running import served
from tests.web.conftest import Program
from tests.web.visitor import Visitor

CROWD = 20
WITHIN = 60.0
"""The provider's time-out, in seconds: more than everything else here takes."""


@dataclass
class HangingProvider:
    """Answers, and takes requests for its keys without an answer while `hangs`, until it `gives_up`."""

    known: OpenIdProvider = field(default_factory=OpenIdProvider)
    hangs: bool = False
    asked_for_keys: int = 0
    gives_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b" /keys " in head:
            self.asked_for_keys += 1
            if self.hangs:
                await self.gives_up.wait()
                return
        again = asyncio.StreamReader()
        again.feed_data(head)
        again.feed_eof()
        await ScriptedServer(self.known.answer).serve(again, writer)


async def others_are_answered(url: str, stack: Stack, token: str) -> None:
    """Health, a page with a session, and the API with a token."""
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    async with Visitor(url) as browser:
        browser.cookies["offboard"] = await sessions.open("auditor")
        for path in ("/api/v1/health", "/runs", "/api/v1/me"):
            answer = await browser.get(path, headers={"Authorization": token} if path.endswith("/me") else {})
            assert answer.status_code == 200, answer.text


async def test_keys_that_never_arrive_delay_no_other_request(
    stack: Stack, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "TIMEOUT_SECONDS", WITHIN)
    token, hanging = (await program("auditor")).headers["authorization"], HangingProvider(hangs=True)
    async with listening(hanging.serve) as port:
        hanging.known.issuer = f"http://127.0.0.1:{port}"
        oidc = OidcSettings(hanging.known.issuer, "offboard", SECRET, roles={"it": ("it_approver",)})
        async with served(stack, oidc=oidc) as url, Visitor(url) as crowd:
            # Not known yet: who signs in waits for them, once for all.
            waiting = [asyncio.create_task(crowd.get("/sign-in/start")) for _ in range(CROWD)]
            while not hanging.asked_for_keys:
                await asyncio.sleep(0.01)
            await others_are_answered(url, stack, token)
            assert not any(task.done() for task in waiting), "all of that while the provider hangs"
            hanging.gives_up.set()
            assert {(await task).status_code for task in waiting} == {503} and hanging.asked_for_keys == 1


async def test_tokens_of_an_unknown_key_delay_no_sign_in_while_the_provider_hangs(
    stack: Stack, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "TIMEOUT_SECONDS", WITHIN)
    monkeypatch.setattr(provider, "REFRESH_SECONDS", 0.0)
    token, hanging = (await program("auditor")).headers["authorization"], HangingProvider()
    async with listening(hanging.serve) as port:
        hanging.known.issuer = f"http://127.0.0.1:{port}"
        oidc = OidcSettings(hanging.known.issuer, "offboard", SECRET, roles={"it": ("it_approver",)})
        async with served(stack, oidc=oidc) as url, Visitor(url) as crowd:
            crowd.follow_redirects = False
            assert (await crowd.get("/sign-in/start")).status_code == 303
            hanging.hangs = True
            unknown = signed({"alg": "RS256", "kid": "other", "typ": "logout+jwt"}, {"iss": "x"}, KEY)
            send = {"url": "/sign-in/provider-sign-out", "data": {"logout_token": unknown}}
            waiting = [asyncio.create_task(crowd.post(**send)) for _ in range(CROWD)]  # type: ignore[arg-type]
            while hanging.asked_for_keys < 2:
                await asyncio.sleep(0.01)
            await others_are_answered(url, stack, token)
            assert (await crowd.get("/sign-in/start")).status_code == 303, "the known keys are still used"
            assert not any(task.done() for task in waiting), "all of that while the provider hangs"
            hanging.gives_up.set()
            assert {(await task).status_code for task in waiting} == {400} and hanging.asked_for_keys == 2


async def test_an_answer_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, so that no time-out of the connection ends it."""
    monkeypatch.setattr(provider, "TIMEOUT_SECONDS", 0.5)
    known = OpenIdProvider()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b" /token " in head:
            writer.write(b"HTTP/1.1 200 -\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.1)
        again = asyncio.StreamReader()
        again.feed_data(head)
        again.feed_eof()
        await ScriptedServer(known.answer).serve(again, writer)

    async with listening(serve) as port:
        known.issuer = f"http://127.0.0.1:{port}"
        here = Provider(OidcSettings(known.issuer, "offboard", SECRET, roles={}), "http://127.0.0.1/sign-in/callback")
        _, state, kept = await here.begin(step_up=False)
        with pytest.raises(SignInFailed, match="not available"):
            async with asyncio.timeout(5):
                await here.finish(f"code=c&state={state}", state, kept)
        await here.aclose()
