"""Tokens, sessions and webhooks: a safety owner ends those of others, and the ledger has who did it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.permissions.levels import Level
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.access.tokens import Token, Tokens
from orchestrator.ledger.engine.webhooks import Webhooks
from tests.ledger.small_office import AUDREY, HANNA, IVO, SAM, SmallOffice, acting, sees, small_office

OLGA = acting("olga", "safety_owner")
HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        await services.keyring.create_person(OLGA.human)
        await commands.record_actor(services.services, OLGA)
        yield services


async def recorded(here: SmallOffice, *kinds: type[e.Event]) -> list[e.Event]:
    page = await here.ledger.read({e.ORGANISATION: 0})
    return [one.event for one in page.events[e.ORGANISATION] if isinstance(one.event, kinds)]


async def test_a_safety_owner_revokes_a_token_that_another_made(here: SmallOffice) -> None:
    tokens, names = Tokens(here.database), [here.packet.name]
    text, token = await commands.make_token(
        here.services,
        tokens,
        SAM,
        names,
        name="Feed",
        kind="service",
        roles=(),
        up_to=Level.READ,
        lasts=HOUR,
    )
    with pytest.raises(Invalid, match="unknown_token"):
        await commands.revoke_token(here.services, tokens, HANNA, names, token.token_id)
    with pytest.raises(NotAllowed, match="not_an_owner"):
        await commands.list_tokens(here.services, tokens, HANNA, names)
    assert await tokens.find(text) is not None
    assert token.token_id in {one.token_id for one in await commands.list_tokens(here.services, tokens, OLGA, names)}
    await commands.revoke_token(here.services, tokens, OLGA, names, token.token_id)
    assert await tokens.find(text) is None
    with pytest.raises(Invalid, match="unknown_token"):
        await commands.revoke_token(here.services, tokens, OLGA, names, token.token_id)
    about = {"token_id": token.token_id, "actor_id": token.actor_id}
    made, revoked = await recorded(here, e.TokenMade, e.TokenRevoked)
    assert isinstance(made, e.TokenMade) and made.expires_at is not None
    assert [made.model_copy(update={"expires_at": None}), revoked] == [
        e.TokenMade(**about, up_to="read", by="sam", human=SAM.human),
        e.TokenRevoked(**about, by="olga", human=OLGA.human),
    ]
    assert token.token_id in (await here.services.runs.organisation()).revoked_tokens


async def test_a_token_whose_creation_was_interrupted_is_revoked(here: SmallOffice) -> None:
    """The process ended between the event and the token: the service has no token, and no text of one is known."""

    class Killed(Tokens):
        async def make(self, actor_id: str, **values: Any) -> tuple[str, Token]:
            raise KeyboardInterrupt

    tokens, names = Tokens(here.database), [here.packet.name]
    with pytest.raises(KeyboardInterrupt):
        await commands.make_token(
            here.services,
            Killed(here.database),
            SAM,
            names,
            name="Feed",
            kind="service",
            roles=(),
            up_to=Level.READ,
            lasts=HOUR,
        )
    [made] = await recorded(here, e.TokenMade)
    assert isinstance(made, e.TokenMade)
    with pytest.raises(Invalid, match="unknown_token"):
        await commands.revoke_token(here.services, tokens, HANNA, names, made.token_id)
    await commands.revoke_token(here.services, tokens, OLGA, names, made.token_id)
    assert (await here.services.runs.organisation()).programs[made.actor_id].revoked
    with pytest.raises(Invalid, match="unknown_token"):
        await commands.revoke_token(here.services, tokens, OLGA, names, made.token_id)


async def test_the_creator_of_a_token_decides_nothing_that_its_service_started(here: SmallOffice) -> None:
    """Also under another owner: the creator knows the token's text. This holds for all accounts of the creator, and in
    the inbox too."""
    tokens, names = Tokens(here.database), [here.packet.name]
    roles = ("safety_owner", "it_approver")
    maker, second = acting("maker", *roles), acting("maker-2", *roles).model_copy(update={"human": "p_maker"})
    await here.keyring.create_person(maker.human)
    for one in (maker, second):
        await commands.record_actor(here.services, one)
    _, token = await commands.make_token(
        here.services,
        tokens,
        maker,
        names,
        name="Feed",
        kind="service",
        roles=("hr_system",),
        up_to=Level.CHANGE,
        lasts=HOUR,
    )
    await commands.change_service_owners(here.services, tokens, maker, names, token.token_id, "ole")
    service = (await here.runs.organisation()).actors[token.actor_id]
    run_id = await here.start(by=service)
    gates = (await here.state(run_id)).decisions.gates
    gate_id = next(id_ for id_, gate in gates.items() if "it_approver" in gate.opened.roles)
    actors = (await here.runs.organisation()).actors
    for account in ("maker", "maker-2"):
        with pytest.raises(NotAllowed, match="requester_never_decides"):
            await commands.approve_gate(here.services, actors[account], run_id, gate_id)
        assert not [one for one in (await here.queries.inbox(sees(actors[account]))).items if one.kind == "gate"]
    assert [one for one in (await here.queries.inbox(sees(IVO))).items if one.kind == "gate"]
    await commands.approve_gate(here.services, IVO, run_id, gate_id)


async def test_a_safety_owner_ends_the_sessions_of_another(here: SmallOffice) -> None:
    tokens, names = Tokens(here.database), [here.packet.name]
    sessions = Sessions(here.database, here.keyring, SessionLimits())
    browser, other = await sessions.open("audrey"), await sessions.open("hanna")
    terminal, _ = await tokens.make("audrey", label="t", made_by="audrey", up_to=Level.CHANGE, lasts=HOUR)
    for actor in (HANNA, AUDREY):
        with pytest.raises(NotAllowed, match="not_an_owner"):
            await commands.end_sessions(here.services, sessions, tokens, actor, names, "audrey")
        with pytest.raises(NotAllowed, match="not_an_owner"):
            await commands.list_sessions(here.services, sessions, actor, names)
    with pytest.raises(NotAllowed, match="unknown_actor"):
        await commands.end_sessions(here.services, sessions, tokens, SAM, names, "stranger")
    listed = await commands.list_sessions(here.services, sessions, SAM, names)
    assert {one.actor_id for one in listed} == {"audrey", "hanna"}
    await commands.end_sessions(here.services, sessions, tokens, SAM, names, "audrey")
    assert await sessions.find(browser) is None and await tokens.find(terminal) is None
    assert await sessions.find(other) is not None
    assert await recorded(here, e.SessionsEnded) == [e.SessionsEnded(actor_id="audrey", by="sam", human=SAM.human)]


async def test_signing_out_of_a_command_line_leaves_no_event(here: SmallOffice) -> None:
    tokens = Tokens(here.database)
    text, token = await tokens.make("hanna", label="t", made_by="hanna", up_to=Level.CHANGE, lasts=HOUR)
    await commands.revoke_token(here.services, tokens, HANNA, [here.packet.name], token.token_id)
    assert await tokens.find(text) is None
    assert await recorded(here, e.TokenRevoked) == []


async def test_what_is_done_to_a_webhook_is_recorded_with_who_did_it(here: SmallOffice) -> None:
    hooks, names = Webhooks(here.database, here.keyring, here.ledger), [here.packet.name]
    hosts = ["hooks.example.com"]
    with pytest.raises(Invalid, match="not_encrypted"):
        await commands.add_webhook(here.services, hooks, SAM, names, url="http://hooks.example.com/x", hosts=hosts)
    kinds = (e.WebhookAdded, e.WebhookSecretReplaced, e.WebhookDisabled)
    assert await recorded(here, *kinds) == []
    hook, _ = await commands.add_webhook(
        here.services, hooks, SAM, names, url="https://hooks.example.com/x", hosts=hosts
    )
    await commands.replace_webhook_secret(here.services, hooks, OLGA, names, hook.hook_id)
    await commands.disable_webhook(here.services, hooks, SAM, names, hook.hook_id)
    assert await recorded(here, *kinds) == [
        e.WebhookAdded(hook_id=hook.hook_id, by="sam", human=SAM.human),
        e.WebhookSecretReplaced(hook_id=hook.hook_id, by="olga", human=OLGA.human),
        e.WebhookDisabled(hook_id=hook.hook_id, by="sam", human=SAM.human),
    ]
