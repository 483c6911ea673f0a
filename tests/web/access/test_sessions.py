"""What a session and a token are worth: their roles as they stand now, until their person's own cutoff, and a fresh
sign-in for what begins at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import HR_FEED, Actor, Level
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.web.access.caller import Caller
from orchestrator.web.settings import OidcSettings, WebSettings
from tests.cli.command_line import hired
from tests.web.api.running import Leavers, start, task_open, until
from tests.web.conftest import Program
from tests.web.visitor import Visitor, api

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def somebody(stack: Stack, **fields: Any) -> tuple[Actor, str]:
    """An operator whom HR knows, with these fields, and their employee number."""
    person = await hired(stack, **fields)
    packet = (await stack.backend.runs.shelf("standard-leaver")).current
    assert packet is not None
    actor = await stack.people(packet).actor(f"acts-{person.employee_number}", person.employee_number, ["operator"])
    await commands.record_actor(stack.services, actor)
    return actor, person.employee_number


async def leaves(stack: Stack, employee_number: str, cutoff: str) -> str:
    """A run that HR's own system asked for, and that its record has."""
    packet = (await stack.backend.runs.shelf("standard-leaver")).current
    assert packet is not None
    people = stack.people(packet)
    facts = await people.facts(await people.find(employee_number))
    feed = Actor(actor_id=HR_FEED, kind="service", roles=frozenset({"hr_system"}))
    await commands.record_actor(stack.services, feed)
    done = await commands.start_run(
        stack.services, feed, facts, "standard-leaver", parse_cutoff(cutoff, "Europe/Berlin"), expected=True
    )
    assert isinstance(done, Done)
    return done.run_id


async def test_sessions_and_tokens_end_at_their_persons_own_cutoff(stack: Stack) -> None:
    actor, number = await somebody(stack)
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    secret = await sessions.open(actor.actor_id, name="Somebody", zone="Europe/Berlin")
    text, _ = await Tokens(stack.backend.database).make(
        actor.actor_id, label="t", made_by=actor.actor_id, up_to=Level.CHANGE, lasts=timedelta(hours=1)
    )
    run_id = await leaves(stack, number, "2035-01-05T18:00")
    async with Visitor(stack.url) as browser, api(stack.url, text) as program:
        browser.cookies["offboard"] = secret
        assert (await browser.get("/device")).url.path == "/device", "their cutoff is far off"
        assert (await program.get("/runs")).status_code == 200
        hr = (await stack.backend.runs.organisation()).actors["hr"]
        await commands.reschedule_run(stack.services, hr, run_id, parse_cutoff("2026-01-05T18:00", "Europe/Berlin"))
        assert (await browser.get("/device")).url.path == "/sign-in"
        assert (await program.get("/runs")).status_code == 401
        await commands.end_run(stack.services, hr, run_id, "called off")
        assert (await program.get("/runs")).status_code == 200, "a leaving that was called off takes nothing away"
        assert (await browser.get("/device")).url.path == "/sign-in", "but a session that is over stays over"


async def test_a_run_that_only_its_requester_has_confirmed_locks_no_one_out(stack: Stack) -> None:
    actor, number = await somebody(stack)
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    secret = await sessions.open(actor.actor_id, name="Somebody", zone="Europe/Berlin")
    packet = (await stack.backend.runs.shelf("standard-leaver")).current
    assert packet is not None
    people, actors = stack.people(packet), (await stack.backend.runs.organisation()).actors
    facts = await people.facts(await people.find(number))
    done = await commands.start_run(stack.services, actors["hr"], facts, "standard-leaver", None, urgent=True)
    assert isinstance(done, Done)
    async with Visitor(stack.url) as browser:
        browser.cookies["offboard"] = secret
        assert (await browser.get("/device")).url.path == "/device"
        assert actor.human not in await stack.backend.ledger.departed([actor.human or ""])
        await commands.accept_exception(
            stack.services, actors["safety-owner"], done.run_id, "x-urgent_review-start", "Reviewed."
        )
        assert (await browser.get("/device")).url.path == "/sign-in"
        assert actor.human in await stack.backend.ledger.departed([actor.human or ""])


async def test_a_delegate_decides_for_no_one_who_has_left(stack: Stack, program: Program, leaver: Leavers) -> None:
    operator, number = await somebody(stack)
    hr, auditor = await program("hr"), await program("auditor")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, lambda run: task_open(run) is not None)
    delegated = await commands.delegate(
        stack.services, operator, "auditor", None, await stack.backend.ledger.now() + timedelta(days=1)
    )
    assert (await auditor.get("/inbox")).json()["items"], "the tasks of an operator wait for the delegate"
    await leaves(stack, number, "2026-01-05T18:00")
    assert (await auditor.get("/inbox")).json()["items"] == []
    fresh = replace(stack.services, runs=Runs(stack.backend.ledger, stack.backend.runs.abilities))
    known = (await fresh.runs.organisation()).actors["auditor"]
    with pytest.raises(NotAllowed) as refused:
        await commands.skip_step(fresh, known, run_id, "record_leaving", "not needed")
    assert refused.value.code == "role_missing"
    assert await commands.end_delegation(stack.services, known, delegated)


async def test_a_service_ends_with_the_person_who_made_its_token(stack: Stack) -> None:
    maker, number = await somebody(stack)
    service = Actor(actor_id="s_of-a-leaver", kind="service", roles=frozenset(["auditor"]), up_to=Level.READ)
    await commands.record_actor(stack.services, service)
    text, _ = await Tokens(stack.backend.database).make(
        service.actor_id, label="t", made_by=maker.actor_id, up_to=Level.READ, lasts=timedelta(hours=1)
    )
    async with api(stack.url, text) as program:
        assert (await program.get("/runs")).status_code == 200
        await leaves(stack, number, "2026-01-05T18:00")
        assert (await program.get("/runs")).status_code == 401


async def test_an_assistant_of_someone_who_left_stays_ended_if_hr_has_a_new_record_of_them(stack: Stack) -> None:
    maker, number = await somebody(stack)
    assistant = Actor(actor_id="s_of-a-rehired", kind="assistant", roles=frozenset(["auditor"]), up_to=Level.READ)
    await commands.record_actor(stack.services, assistant)
    text, token = await Tokens(stack.backend.database).make(
        assistant.actor_id, label="t", made_by=maker.actor_id, up_to=Level.READ, lasts=timedelta(hours=1)
    )
    made = e.TokenMade(
        token_id=token.token_id, actor_id=assistant.actor_id, up_to="read", by=maker.actor_id, human=maker.human
    )
    await stack.services.runs.update_organisation(lambda known, now: [made])
    async with api(stack.url, text) as program:
        assert (await program.get("/runs")).status_code == 200
        await leaves(stack, number, "2026-01-05T18:00")
        assert (await program.get("/runs")).status_code == 401
        another, _ = await somebody(stack)
        await commands.record_actor(stack.services, maker.model_copy(update={"human": another.human}))
        assert (await program.get("/runs")).status_code == 401


async def test_a_revoked_role_is_gone_at_once(stack: Stack) -> None:
    actor, _ = await somebody(stack)
    await leaves(stack, (await hired(stack)).employee_number, "2035-01-05T18:00")
    sessions = Sessions(stack.backend.database, stack.backend.keyring, SessionLimits())
    async with Visitor(stack.url) as browser:
        browser.cookies["offboard"] = await sessions.open(actor.actor_id)
        owner = (await stack.backend.runs.organisation()).actors["safety-owner"]
        text, _ = await Tokens(stack.backend.database).make(
            actor.actor_id, label="t", made_by=actor.actor_id, up_to=Level.CHANGE, lasts=timedelta(hours=1)
        )
        async with api(stack.url, text) as program:
            before = (await program.get("/runs?limit=500")).json()["runs"]
            await commands.revoke_roles(stack.services, owner, "standard-leaver", actor.actor_id, ["operator"])
            after = (await program.get("/runs?limit=500")).json()["runs"]
        assert before and not after
        assert (await browser.get("/device")).url.path == "/device", "whoever has no role is signed in all the same"


async def test_an_idle_and_an_old_session_are_over(stack: Stack) -> None:
    for limits in (SessionLimits(idle=timedelta(0)), SessionLimits(lasts=timedelta(0))):
        sessions = Sessions(stack.backend.database, stack.backend.keyring, limits)
        assert await sessions.find(await sessions.open("hr")) is None


def _caller(**facts: object) -> Caller:
    from orchestrator.ledger.access.sessions import Session

    values = {
        "secret": "s",
        "actor_id": "hr",
        "name": None,
        "zone": None,
        "csrf": "c",
        "auth_time": None,
        "acr": None,
        "created_at": NOW - timedelta(hours=1),
        "expires_at": NOW + timedelta(hours=7),
        "now": NOW,
        **facts,
    }
    session = Session(**values)  # type: ignore[arg-type]  # as above
    return Caller(actor=Actor(actor_id="hr"), now=NOW, auth_time=session.auth_time, acr=session.acr, session=session)


@pytest.mark.parametrize(
    ("facts", "fresh"),
    [
        ({}, False),
        ({"auth_time": NOW - timedelta(minutes=2)}, True),
        ({"auth_time": NOW - timedelta(minutes=20)}, False),
        ({"auth_time": NOW + timedelta(hours=1)}, False),
        ({"acr": "phr"}, False),
        ({"acr": "phr", "created_at": NOW - timedelta(minutes=1)}, True),
        ({"acr": "phr", "auth_time": NOW - timedelta(hours=8), "created_at": NOW - timedelta(minutes=1)}, False),
        ({"acr": "something else", "created_at": NOW - timedelta(minutes=1)}, False),
    ],
)
def test_starting_at_once_takes_a_fresh_sign_in(facts: dict[str, object], fresh: bool) -> None:
    oidc = OidcSettings(issuer="https://i.example", client_id="c", client_secret="s", step_up_acr=("phr",))
    settings = WebSettings(public_url="https://o.example", oidc=oidc)
    caller = _caller(**facts)
    if fresh:
        caller.require_step_up(settings)
    else:
        with pytest.raises(NotAllowed) as refused:
            caller.require_step_up(settings)
        assert refused.value.code == "step_up_needed"
