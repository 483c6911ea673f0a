"""To whom repositories may go, and what a snapshot holds."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import RefusedError
from orchestrator.embedded.company.company import Company
from tests.conftest import Hire
from tests.connectors.answering_kinds import ACCOUNT, KINDS
from tests.connectors.contract import the_account
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer


@pytest.fixture
def code(connectors: dict[str, Connector]) -> Connector:
    return connectors["code_hosting"]


@pytest.mark.parametrize(("ability", "name"), [("revoke_sessions", "sessions"), ("revoke_tokens", "tokens")])
@pytest.mark.parametrize(("count", "outcome"), [(0, "done"), (2, "unknown"), (None, "unknown")])
async def test_an_empty_list_counts_only_if_the_account_says_so_too(
    ability: str, name: str, count: int | None, outcome: str
) -> None:
    (kind,) = [kind for kind in KINDS if kind.name == "code_hosting"]

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path.endswith(f"/{name}"):
            return ScriptedAnswer(200, {name: [], "next": None})
        return ScriptedAnswer(200, ACCOUNT | ({} if count is None else {name: count}))

    async with kind.connected(answer) as (connector, _):
        assert (await connector.read_back(Effect(ability, "key", Account("7", "isa")))).outcome == outcome


def transfer(account: Any, **parameters: str) -> Effect:
    return Effect("transfer_repositories", secrets.token_hex(8), account, parameters)


async def test_repositories_go_to_one_active_account_that_is_another(
    code: Connector, company: Company, hire: Hire
) -> None:
    account = await the_account(code, (await hire())[0])
    (heir,), (suspended,) = await hire(), await hire()
    (two,) = await hire(traits=["two_code_accounts"])
    suspended_account = await the_account(code, suspended)
    await code.attempt(Effect("suspend_account", secrets.token_hex(8), suspended_account))
    for effect, reason in (
        (transfer(account, to_email="nobody@wolkenmuehle.example"), "recipient_not_found"),
        (transfer(account, to_account="acc-none"), "recipient_not_found"),
        (transfer(account, to_email=two.email), "recipient_ambiguous"),
        (transfer(account, to_email=suspended.email), "recipient_not_usable"),
        (transfer(account, to_account=account.native_id), "recipient_not_usable"),
        (transfer(account), "parameter_missing"),
    ):
        with pytest.raises(RefusedError, match=reason) as raised:
            await code.attempt(effect)
        assert raised.value.happened == "no"
        assert raised.value.remedy
    assert not [entry for entry in await company.effects("code") if entry["target"] == account.native_id]
    effect = transfer(account, to_account=(await the_account(code, heir)).native_id)
    moved = (await code.attempt(effect)).detail["transferred"]
    evidence = (await code.read_back(effect)).evidence
    assert set(moved) <= set(evidence["recipient_repositories"])
    assert evidence["repositories"] == []


async def test_a_snapshot_names_sessions_tokens_and_repositories(code: Connector, hire: Hire) -> None:
    account = await the_account(code, (await hire(traits=["admin"]))[0])
    evidence = (await code.read_back(Effect("snapshot_access", "key", account))).evidence
    assert evidence["admin"] is True
    assert len(evidence["sessions"]) == 2
    assert {token["name"] for token in evidence["tokens"]} == {"laptop", "deployment"}
    assert len(evidence["repositories"]) == 2
    assert account.privileged


async def test_every_account_that_could_be_theirs_is_found(code: Connector, hire: Hire) -> None:
    (two,) = await hire(traits=["two_code_accounts"])
    assert len(await code.find_accounts([Lookup("email", two.email)])) == 2
    assert await code.find_accounts([Lookup("employee_number", two.employee_number)]) == []
    (recycled,) = await hire(traits=["recycled_number"])
    by_number = await code.find_accounts([Lookup("employee_number", recycled.employee_number)])
    by_email = await code.find_accounts([Lookup("email", recycled.email)])
    assert (len(by_number), len(by_email)) == (2, 1)


async def test_a_closed_card_answers_for_a_frozen_one(connectors: dict[str, Connector], hire: Hire) -> None:
    cards = connectors["cards"]
    card = await the_account(cards, (await hire())[0])
    await cards.attempt(Effect("close_card", secrets.token_hex(8), card))
    frozen = await cards.read_back(Effect("freeze_card", secrets.token_hex(8), card))
    assert (frozen.outcome, frozen.evidence["state"]) == ("done", "closed")
    await cards.attempt(
        Effect("freeze_card", secrets.token_hex(8), card)
    )  # the card system refuses; it is done all the same
