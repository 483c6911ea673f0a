"""Signing in: at a real OpenID provider, by name on the embedded stack, and what ends a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import OidcSettings, WebSettings
from tests.web.access.openid import openid_provider, sign_in_at_provider
from tests.web.conftest import Visit
from tests.web.visitor import Visitor, api

PEOPLE = [
    {
        "sub": "it-lead", "name": "Wendelgard Oxtomiro", "email": "wendelgard.oxtomiro@wolkenmuehle.example",
        "email_verified": True, "zoneinfo": "Europe/Dublin", "groups": ["identity-team", "everybody"],
    },
    {"sub": "stranger", "name": "Nobody Here", "email": "nobody@elsewhere.example", "groups": ["everybody"]},
]  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def provided(stack: Stack) -> AsyncIterator[str]:
    """Where the same ledger's pages are, with an OpenID provider and no local sign-in."""
    async with openid_provider(PEOPLE) as issuer:
        on = listening("127.0.0.1", 0)
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        oidc = OidcSettings(
            issuer=issuer,
            client_id="offboard",
            client_secret="not-a-secret",
            roles={"identity-team": ("it_approver",)},
            step_up_acr=("phr",),
        )
        settings = WebSettings(public_url=url, oidc=oidc)
        async with serving(settings, stack.services, stack.engine, stack.backend.database, on):
            yield url


async def _actor(stack: Stack, name: str) -> Actor | None:
    known = (await stack.backend.runs.organisation()).actors
    members = await stack.backend.ledger.read({"organisation": 0})
    for recorded in reversed(members.events["organisation"]):
        if getattr(recorded.event, "name", None) == name and recorded.event.actor_id.startswith("a_"):  # type: ignore[attr-defined]  # only actors have names
            return known[recorded.event.actor_id]  # type: ignore[attr-defined]  # see above
    return None


async def test_signing_in_at_a_provider_records_roles_and_the_person_behind(provided: str, stack: Stack) -> None:
    async with Visitor(provided) as browser:
        landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", "it-lead")
        assert landed.status_code == 200 and landed.url.path == "/device"
        assert "Wendelgard Oxtomiro" in landed.text
    actor = await _actor(stack, "Wendelgard Oxtomiro")
    assert actor is not None and actor.roles == {"it_approver"}
    assert actor.human == actor_of(await stack.backend.runs.organisation(), "it").human
    assert actor.managers, "HR says who is above them"


async def test_what_was_open_ends_when_hr_knows_the_account_by_another_record(provided: str, stack: Stack) -> None:
    """A record that was merged, or a new one after a rehire: the former one's cutoff would end nothing any more."""
    async with Visitor(provided) as browser:
        await sign_in_at_provider(browser, "/sign-in/start?to=/device", "it-lead")
    actor = await _actor(stack, "Wendelgard Oxtomiro")
    assert actor is not None
    former = await stack.backend.keyring.create_person()
    await commands.record_actor(stack.services, actor.model_copy(update={"human": former}))
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    secret = await sessions.open(actor.actor_id, name="Before", zone="Europe/Berlin")
    text, _ = await Tokens(stack.backend.database).make(
        actor.actor_id, label="t", made_by=actor.actor_id, up_to=Level.CHANGE, lasts=timedelta(hours=1)
    )
    async with Visitor(provided) as before, api(provided, text) as terminal, Visitor(provided) as browser:
        before.cookies["offboard"] = secret
        assert (await before.get("/device")).url.path == "/device"
        assert (await terminal.get("/runs")).status_code == 200
        landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", "it-lead")
        assert landed.url.path == "/device"
        assert (await before.get("/device")).url.path == "/sign-in"
        assert (await terminal.get("/runs")).status_code == 401
        assert (await browser.get("/device")).url.path == "/device"
    linked = (await stack.backend.runs.organisation()).actors[actor.actor_id]
    assert linked.human == actor.human and former in linked.people


async def test_groups_that_are_not_mapped_give_no_role(provided: str, stack: Stack) -> None:
    async with Visitor(provided) as browser:
        await sign_in_at_provider(browser, "/sign-in/start?to=/device", "stranger")
    actor = await _actor(stack, "Nobody Here")
    # HR knows no one of that address, so no one's key is there for a name either: find them by what they lack.
    assert actor is None or (actor.roles == frozenset() and actor.human is None)


async def test_a_denied_or_foreign_sign_in_creates_no_session(provided: str) -> None:
    async with Visitor(provided) as browser:
        denied = await sign_in_at_provider(browser, "/sign-in/start", None)
        assert denied.status_code == 403 and "refused" in denied.text
        assert (await browser.get("/device")).url.path == "/sign-in"
    async with Visitor(provided) as attacker, Visitor(provided) as victim:
        attacker.follow_redirects = False
        form = await attacker.get("/sign-in/start")
        authorised = await attacker.post(form.headers["location"], data={"sub": "it-lead"})
        # The attacker sends their own code and state to someone else, who would act in the attacker's name.
        answer = await victim.get(authorised.headers["location"])
        assert answer.status_code == 403 and "started in another browser" in answer.text


async def test_a_session_is_new_at_sign_in_and_over_at_sign_out(stack: Stack, visit: Visit) -> None:
    browser = await visit("hr")
    first = browser.cookies["offboard"]
    await browser.sign_in("hr", "/device")
    second = browser.cookies["offboard"]
    assert first != second
    async with Visitor(stack.url) as other:
        other.cookies["offboard"] = first
        assert (await other.get("/device")).url.path == "/sign-in"
    out = await browser.submit("/sign-out")
    assert out.url.path == "/sign-in"
    async with Visitor(stack.url) as other:
        other.cookies["offboard"] = second
        assert (await other.get("/device")).url.path == "/sign-in"


async def test_no_one_signs_in_by_name_where_a_provider_is_set(provided: str) -> None:
    async with Visitor(provided) as browser:
        answer = await browser.post("/sign-in/local", data={"alias": "hr"})
        assert answer.status_code == 403
        token = await browser.post("/api/v1/sign-in/local", json={"alias": "hr"})
        assert token.status_code == 403 and token.json()["code"] == "no_local_sign_in"
        assert "Local sign-in" not in (await browser.get("/sign-in")).text


async def test_a_form_from_elsewhere_does_nothing(stack: Stack, visit: Visit) -> None:
    browser = await visit("hr")
    for fields, headers in (
        ({}, {}),
        ({"csrf": "wrong"}, {}),
        ({"csrf": await browser.csrf()}, {"Origin": "https://evil.example"}),
        ({"csrf": await browser.csrf()}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = await browser.post("/sign-out", data=fields, headers=headers)
        assert answer.status_code == 403, (fields, headers)
    assert (await browser.get("/device")).url.path == "/device", "still signed in"


async def test_another_hosts_name_is_not_ours(stack: Stack, visit: Visit) -> None:
    browser = await visit()
    assert (await browser.get("/sign-in", headers={"Host": "evil.example"})).status_code == 400


async def test_where_a_sign_in_leads_stays_on_this_host(stack: Stack, visit: Visit) -> None:
    browser = await visit()
    for to in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        landed = await browser.post("/sign-in/local", data={"alias": "hr", "to": to}, follow_redirects=False)
        assert landed.headers["location"] == "/"


async def test_a_command_line_is_signed_in_once_its_person_confirms(stack: Stack, visit: Visit) -> None:
    browser, terminal = await visit("operator"), await visit()
    begun = (await terminal.post("/api/v1/device")).json()
    assert begun["confirm_at"] == f"{stack.url}/device"
    asked = {"device_secret": begun["device_secret"]}
    waiting = await terminal.post("/api/v1/device/token", json=asked)
    assert (waiting.status_code, waiting.json()["code"]) == (403, "authorization_pending")
    assert (
        "This code is not valid" in (await browser.submit("/device", {"code": "AAAA-AAAA", "answer": "confirm"})).text
    )
    await browser.submit("/device", {"code": begun["code"].lower(), "answer": "confirm"})
    given = (await terminal.post("/api/v1/device/token", json=asked)).json()
    assert given["actor_id"] == "operator"
    headers = {"Authorization": f"Bearer {given['token']}"}
    assert (await terminal.get("/api/v1/runs", headers=headers)).status_code == 200
    again = await terminal.post("/api/v1/device/token", json=asked)
    assert again.json()["code"] == "expired_token", "the secret is good for one token"


async def test_a_refused_command_line_gets_no_token(stack: Stack, visit: Visit) -> None:
    browser, terminal = await visit("operator"), await visit()
    begun = (await terminal.post("/api/v1/device")).json()
    await browser.submit("/device", {"code": begun["code"], "answer": "refuse"})
    refused = await terminal.post("/api/v1/device/token", json={"device_secret": begun["device_secret"]})
    assert refused.json()["code"] == "access_denied"


async def test_every_answer_tells_browsers_what_they_may_do(stack: Stack, visit: Visit) -> None:
    browser = await visit()
    for path in ("/sign-in", "/api/v1/health", "/nowhere", "/api/v1/runs"):
        headers = (await browser.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    cookie = (await browser.post("/sign-in/local", data={"alias": "hr"}, follow_redirects=False)).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert WebSettings(public_url="https://offboard.example").secure
    assert not replace(WebSettings(public_url="https://x.example"), public_url=stack.url).secure
