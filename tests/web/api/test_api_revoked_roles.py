"""A role or a token that is revoked after the API has read it and before the command's append."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.web.state import LocalMember
from tests.web.api.running import PACKET, Leavers, planned, refused, served, start, until, wanted
from tests.web.conftest import Program
from tests.web.requests.entry_points import ENTRY_POINTS, hold, packet_of, release, signed_in, text_of
from tests.web.visitor import api

Revoke = Callable[[], Awaitable[Any]]


def revoked_before_the_append(monkeypatch: pytest.MonkeyPatch, account: str, revoke: Revoke) -> list[bool]:
    """The next append of what `account` did in a run waits until `revoke` has been recorded."""
    append, done = Ledger.append, list[bool]()

    async def later(self: Ledger, appends: list[StreamAppend], *rest: Any, **named: Any) -> Any:
        if not done and any(account in _accounts(part) for part in appends):
            done.append(True)
            await revoke()
        return await append(self, appends, *rest, **named)

    monkeypatch.setattr(Ledger, "append", later)
    return done


def _accounts(append: StreamAppend) -> set[Any]:
    events = [draft.event for draft in append.drafts if append.stream.startswith("run:")]
    return {getattr(event, field, None) for event in events for field in ("by", "requested_by")}


def elsewhere(stack: Stack) -> commands.Services:
    return replace(stack.services, runs=Runs(stack.backend.ledger, stack.backend.runs.abilities))


async def _safety_owner(stack: Stack) -> Actor:
    return (await stack.backend.runs.organisation()).actors["safety-owner"]


async def colleague(stack: Stack, *roles: str) -> tuple[Actor, httpx.AsyncClient]:
    """An account of a person whom no other test uses, and a client of the API with its token."""
    human = f"p_{secrets.token_hex(8)}"
    await stack.backend.keyring.create_person(human)
    actor = Actor(actor_id=f"colleague-{secrets.token_hex(4)}", roles=frozenset(roles), human=human)
    await commands.record_actor(stack.services, actor)
    text, _ = await Tokens(stack.backend.database).make(
        actor.actor_id, label="terminal", made_by=actor.actor_id, up_to=Level.CHANGE, lasts=timedelta(hours=1)
    )
    return actor, api(stack.url, text)


async def test_a_command_is_refused_whose_role_was_revoked_before_its_append(
    stack: Stack, program: Program, leaver: Leavers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the page, in the API and at the terminal."""
    hr, number = await program("hr"), (await leaver()).employee_number
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    other, by = elsewhere(stack), await _safety_owner(stack)
    late = {at: f"operator-{at}-{secrets.token_hex(4)}" for at in ENTRY_POINTS}
    members = [LocalMember(one, number, ("operator",), "") for one in late.values()]
    async with served(stack, members=members) as url, signed_in(stack.url, "operator", tmp_path) as operator:
        for at, account in late.items():
            async with signed_in(url, account, tmp_path) as revoked:
                revoke = functools.partial(commands.revoke_roles, other, by, PACKET, account, ["operator"])
                with monkeypatch.context() as patch:
                    done = revoked_before_the_append(patch, account, revoke)
                    await revoked.refused_at(at, hold(run_id), 404, f"There is no run {run_id}.")
                assert done and not (await hr.get(f"/runs/{run_id}")).json()["held"]
            # The same command by an account that keeps its role.
            await operator.does(at, hold(run_id))
            assert (await hr.get(f"/runs/{run_id}")).json()["held"]
            await operator.does(at, release(run_id))


async def test_no_run_starts_for_a_requester_whose_role_was_revoked_before_its_append(
    stack: Stack, leaver: Leavers, monkeypatch: pytest.MonkeyPatch
) -> None:
    requester, client = await colleague(stack, "requester")
    other, by = elsewhere(stack), await _safety_owner(stack)
    done = revoked_before_the_append(
        monkeypatch,
        requester.actor_id,
        lambda: commands.revoke_roles(other, by, PACKET, requester.actor_id, ["requester"]),
    )
    async with client:
        refused(await client.post("/runs", json=wanted(await leaver())), 403, "level_not_granted")
    assert done


async def test_no_run_starts_for_a_service_whose_token_was_revoked_before_its_append(
    stack: Stack, leaver: Leavers, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens, by, other = Tokens(stack.backend.database), await _safety_owner(stack), elsewhere(stack)
    text, token = await commands.make_token(
        stack.services,
        tokens,
        by,
        [PACKET],
        name="Feed",
        kind="service",
        roles=["hr_system"],
        up_to=Level.PREPARE,
        lasts=timedelta(hours=1),
    )
    done = revoked_before_the_append(
        monkeypatch, token.actor_id, lambda: commands.revoke_token(other, tokens, by, [PACKET], token.token_id)
    )
    async with api(stack.url, text) as client:
        answer = await client.post("/runs", json=wanted(await leaver()))
    assert done and answer.status_code == 403, answer.text


async def test_a_version_is_not_moved_by_the_signature_of_an_account_whose_role_was_revoked(
    stack: Stack, program: Program, tmp_path: Path
) -> None:
    """The page, the API and the terminal say that the signature is missing, and another owner signs."""
    packet = packet_of(f"signed-{secrets.token_hex(4)}", ("snapshot_code",))
    version = f"/packets/{packet.name}/versions/{packet.version}"
    texts = {name.removesuffix(".yaml"): content.decode() for name, content in packet.files.items()}
    former, client = await colleague(stack, "value_owner")
    async with client, signed_in(stack.url, "safety-owner", tmp_path) as safety:
        assert (await client.post("/packets", json=texts)).status_code == 201
        for owner in (client, safety.api):
            signed = await owner.post(f"{version}/signatures", json={"phase": "shadow"})
            assert signed.status_code < 300, signed.text
        assert [one["by"] for one in signed.json()["signatures"]] == [former.actor_id, "safety-owner"]
        await commands.revoke_roles(
            stack.services, await _safety_owner(stack), PACKET, former.actor_id, ["value_owner"]
        )
        shown = (await safety.api.get(version)).json()
        assert [one["by"] for one in shown["signatures"]] == ["safety-owner"]
        assert "Value owner: not yet" in text_of(await safety.page.get(f"{version}?part=owners"))
        refused(await safety.api.post(f"{version}/moves", json={"phase": "shadow"}), 403, "signature_missing")
        code, said = await safety.typed("packet", "move", packet.name, "shadow", "--version", packet.version)
        assert code == 1 and "is not signed by the value owner" in said, said
        owner = await program("value-owner")
        assert (await owner.post(f"{version}/signatures", json={"phase": "shadow"})).status_code < 300
        moved = await safety.api.post(f"{version}/moves", json={"phase": "shadow"})
        assert (moved.status_code, moved.json()["phase"]) == (200, "shadow"), moved.text
        await safety.api.post(f"{version}/moves", json={"phase": "retired", "open_runs": "continue"})
