"""What a sign-in is worth that proves less than it seems to: an address that no one looked at, HR that cannot be asked,
and a crowd that begins and never comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from orchestrator.engine import Engine, EngineAddress
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.settings import SettingWrong
from orchestrator.web.access.sign_in_completion import UNTIL_KNOWN
from orchestrator.web.settings import OidcSettings, WebSettings
from tests.cli.command_line import hired
from tests.web.access.openid import openid_provider, sign_in_at_provider
from tests.web.access.test_sessions import leaves
from tests.web.api.running import PACKET, PAST, Leavers, refused, served, start, until, wanted
from tests.web.api.test_api_without_temporal import Line
from tests.web.conftest import Program
from tests.web.visitor import Visitor, api

GONE = "gone.already@wolkenmuehle.example"
LEAD = "wendelgard.oxtomiro@wolkenmuehle.example"
EVERY_ROLE = ("requester", "it_approver", "finance_approver", "operator", "value_owner", "safety_owner")
CLAIMS: list[dict[str, Any]] = [
    {"sub": "looked-at", "email": LEAD, "email_verified": True, "groups": ["looked-at"]},
    {"sub": "said-as-text", "email": LEAD, "email_verified": "true", "groups": ["said-as-text"]},
    {"sub": "not-said", "email": LEAD, "groups": ["not-said"]},
    {"sub": "denied", "email": LEAD, "email_verified": False, "groups": ["denied"]},
    {"sub": "gone", "email": GONE, "email_verified": True, "groups": ["gone"]},
    {"sub": "outside", "email": "auditor@elsewhere.example", "email_verified": True, "groups": ["outside"]},
]


@pytest_asyncio.fixture(scope="module")
async def issuer() -> AsyncIterator[str]:
    async with openid_provider(CLAIMS) as issuer:
        yield issuer


def at(issuer: str, **more: Any) -> OidcSettings:
    groups = {str(one["sub"]): (f"role-of-{one['sub']}",) for one in CLAIMS}
    return OidcSettings(issuer=issuer, client_id="offboard", client_secret="not-a-secret", roles=groups, **more)


async def signed_in(stack: Stack, url: str, subject: str) -> Actor:
    async with Visitor(url) as browser:
        landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", subject)
        assert landed.status_code == 200 and landed.url.path == "/device", landed.text
    actors = (await stack.backend.runs.organisation()).actors.values()
    return next(actor for actor in actors if actor.roles == {f"role-of-{subject}"})


async def test_only_an_address_that_the_provider_has_verified_identifies_a_person(stack: Stack, issuer: str) -> None:
    lead = (await stack.backend.runs.organisation()).actors["it"].human
    async with served(stack, oidc=at(issuer)) as url:
        for subject in ("looked-at", "said-as-text"):
            assert (await signed_in(stack, url, subject)).human == lead, subject
        for subject in ("not-said", "denied"):
            assert (await signed_in(stack, url, subject)).human is None, subject
    async with served(stack, oidc=at(issuer, mail_is_verified=True)) as url:
        assert (await signed_in(stack, url, "not-said")).human == lead, "an administrator says so"
        assert (await signed_in(stack, url, "denied")).human is None


def test_that_every_address_was_looked_at_is_said_in_so_many_words() -> None:
    given = {
        "OFFBOARD_PUBLIC_URL": "https://o.example",
        "OFFBOARD_OIDC_ISSUER": "https://i.example",
        "OFFBOARD_OIDC_CLIENT_ID": "c",
        "OFFBOARD_OIDC_CLIENT_SECRET": "s",
        "OFFBOARD_OIDC_ROLES": "g=r",
    }
    for written, meant in ((None, False), ("no", False), ("yes", True), ("True", True)):
        more = {} if written is None else {"OFFBOARD_OIDC_MAIL_IS_VERIFIED": written}
        oidc = WebSettings.read(given | more).oidc
        assert oidc is not None and oidc.mail_is_verified is meant
    with pytest.raises(SettingWrong, match="OIDC_MAIL_IS_VERIFIED"):
        WebSettings.read(given | {"OFFBOARD_OIDC_MAIL_IS_VERIFIED": "mostly"})


async def test_a_person_whom_hr_could_not_be_asked_about_is_signed_in_for_minutes(stack: Stack, issuer: str) -> None:
    """Someone whose cutoff has passed, and who was never here before."""
    person = await hired(stack, email=GONE)
    await leaves(stack, person.employee_number, "2026-01-05T18:00")
    line = Line(stack.temporal.address)
    engine = await Engine.connect(EngineAddress(await line.open()))
    await line.cut()
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    async with served(stack, engine=engine, oidc=at(issuer)) as url, Visitor(url) as browser:
        landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", "gone")
        assert landed.url.path == "/device", landed.text
        session = await sessions.find(browser.cookies["offboard"])
        assert session is not None and session.expires_at - session.created_at < UNTIL_KNOWN + timedelta(seconds=1)
        begun = (await browser.post("/api/v1/device")).json()
        said = await browser.submit("/device", {"code": begun["code"], "answer": "confirm"})
        assert "Your identity could not be confirmed in HR" in said.text
        asked = {"device_secret": begun["device_secret"]}
        refused(await browser.post("/api/v1/device/token", json=asked), 403, "authorization_pending")
        local = (await browser.post("/api/v1/sign-in/local", json={"alias": "hr"})).json()
        assert datetime.fromisoformat(local["expires_at"]) > session.created_at + UNTIL_KNOWN, (
            "HR has known them before"
        )
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as browser:
        landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", "gone")
        assert landed.status_code == 403 and "a person whose cutoff has passed" in landed.text


async def test_a_person_unknown_to_hr_is_signed_in_as_long_as_others(stack: Stack, issuer: str) -> None:
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    async with served(stack, oidc=at(issuer)) as url, Visitor(url) as browser:
        await sign_in_at_provider(browser, "/sign-in/start?to=/device", "outside")
        session = await sessions.find(browser.cookies["offboard"])
        assert session is not None and session.expires_at - session.created_at > UNTIL_KNOWN * 2


async def test_an_account_unknown_to_hr_reads_and_changes_nothing(
    stack: Stack, issuer: str, program: Program, leaver: Leavers
) -> None:
    """Whatever roles the provider's groups give it: whose conflicts of interest it has is not known."""
    hr, person = await program("hr"), await leaver()
    run = await until(hr, await start(hr, await leaver()), lambda run: run["gates"])
    run_id, gate = run["run_id"], run["gates"][0]["gate_id"]
    oidc = replace(at(issuer), roles={"outside": EVERY_ROLE})
    async with served(stack, oidc=oidc, webhook_hosts=("127.0.0.1",)) as url, Visitor(url) as browser:
        await sign_in_at_provider(browser, "/sign-in/start?to=/device", "outside")
        form = {"person": person.employee_number, "packet": PACKET}
        page = await browser.submit("/runs/new/people", form)
        assert page.status_code == 403 and "not linked to a person in HR" in page.text
        begun = (await browser.post("/api/v1/device")).json()
        await browser.submit("/device", {"code": begun["code"], "answer": "confirm"})
        given = (await browser.post("/api/v1/device/token", json={"device_secret": begun["device_secret"]})).json()
        async with api(url, given["token"]) as outside:
            assert (await outside.get(f"/runs/{run_id}")).json()["person"]["employee_number"]
            token = {"name": "T", "kind": "service", "roles": [], "up_to": "read", "lasts_days": 1}
            hook = {"url": "https://127.0.0.1/none", "types": ["run"], "packets": [PACKET]}
            for path, body in (
                ("/runs", wanted(person)),
                ("/runs", wanted(person, cutoff=None, urgent=True)),
                ("/runs", wanted(person, cutoff=PAST)),
                (f"/runs/{run_id}/reschedule", {"cutoff": "2032-01-05T18:00", "zone": "UTC"}),
                (f"/runs/{run_id}/reschedule", {"cutoff": "2031-01-05T18:00", "zone": "UTC"}),
                (f"/runs/{run_id}/hold", {"reason": "No."}),
                (f"/runs/{run_id}/release", {}),
                (f"/runs/{run_id}/end", {"reason": "No."}),
                (f"/runs/{run_id}/replan", {}),
                (f"/runs/{run_id}/gates/{gate}/decision", {"verdict": "approve"}),
                (f"/runs/{run_id}/steps/disable_identity/skip", {"reason": "No."}),
                ("/systems/cards/hold", {"packet": PACKET, "reason": "No."}),
                ("/systems/check", {"packet": PACKET}),
                ("/staff/it/roles/revoke", {"packet": PACKET, "roles": ["it_approver"], "reason": "No."}),
                ("/staff/it/sessions/end", {"reason": "No."}),
                ("/tokens", token),
                ("/webhooks", hook),
            ):
                refused(await outside.post(path, json=body), 403, "unknown_to_hr")
