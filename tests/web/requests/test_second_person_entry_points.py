"""No one person keeps access open, or selects an account and removes its access, at any entry point: with another
account, with a role that is newer, or for another person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.vocabulary.confirmations import CONFIRMED
from orchestrator.web.pages.run.cards import anchor
from orchestrator.web.state import LocalMember
from tests.cli.command_line import hired
from tests.web.api.running import PAST, Leavers, planned, served, start, until
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignedIn,
    SignInAs,
    accept,
    approve,
    complete,
    hold,
    packet_of,
    retry,
    settle,
    signed_in,
    skip,
    text_of,
)

PACKET, UNGATED, CLOSING = "code-leaver", "code-without-gate", "cards-closing"
ALONE = (
    "Access kept open", "HR accepts the exception and gives a reason",
    "The person who decided this alone can't confirm it",
)  # fmt: skip
PAUSE = (
    "Pause not confirmed by HR", "accept the pause and give a reason",
    "The person who paused a run can't confirm the pause",
)  # fmt: skip
"""Of an exception: its title, its remedy, and why one person can't accept it."""
NOT_HR = (403, "role_missing", "Only a requester can do this", "Ask a person with one of these roles")
CONFIRMS = "An exception is open for a requester, who confirms this."
LATER = {at: f"kim-{at}" for at in ("page", "terminal", "together")}
ROLES = {"kim": "operator", "kim-hr": "requester"} | dict.fromkeys(LATER.values(), "it_approver")
"""Accounts of one person. A role that was revoked does not come back with a sign-in, so that each case of a newer role
has one of its own."""


@pytest_asyncio.fixture(scope="module")
async def url(stack: Stack) -> AsyncIterator[str]:
    """Where Kim signs in with several accounts."""
    kim = (await hired(stack)).employee_number
    actors = (await stack.services.runs.organisation()).actors
    code = ("snapshot_code", "end_code_sessions", "suspend_code")
    cards = ("snapshot_cards", "close_card")
    for packet in (packet_of(PACKET, code), packet_of(UNGATED, code, gate=None), packet_of(CLOSING, cards)):
        await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    async with served(stack, members=[LocalMember(one, kim, (role,), "") for one, role in ROLES.items()]) as at:
        yield at
    await revoke(stack, *ROLES)


async def revoke(stack: Stack, *accounts: str) -> None:
    """Other tests count who can decide."""
    known = (await stack.services.runs.organisation()).actors
    for account in known.keys() & set(accounts):
        await commands.revoke_roles(stack.services, known["safety-owner"], PACKET, account, [ROLES[account]])


@pytest_asyncio.fixture
async def sign_in(stack: Stack, url: str, tmp_path: Path) -> AsyncIterator[SignInAs]:
    """Kim is an approver from the sign-in with such an account to the end of the test."""
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> SignedIn:
            return await open_ones.enter_async_context(signed_in(url, alias, tmp_path))

        yield one
    await revoke(stack, *LATER.values())


def kept(run: Any) -> list[Any]:
    return [one for one in run["exceptions"] if one["kind"] in CONFIRMED and one["state"] == "open"]


def step(run: Any, name: str) -> Any:
    return next(one for one in run["steps"] if one["name"] == name)


async def asked(hr: SignedIn, leaver: Leavers, packet: str = PACKET, **more: Any) -> tuple[str, list[str]]:
    """A run with a question about two accounts; its id and theirs."""
    run_id = await start(hr.api, await leaver("two_code_accounts"), packet=packet, **more)
    run = await until(hr.api, run_id, lambda run: any(x["kind"] == "ambiguous_match" for x in run["exceptions"]))
    [question] = [one for one in run["exceptions"] if one["kind"] == "ambiguous_match"]
    return run_id, [one["account_id"] for one in question["candidates"]]


async def test_the_person_who_decided_alone_confirms_it_nowhere(sign_in: SignInAs, leaver: Leavers) -> None:
    kim, second, hr, operator = [await sign_in(one) for one in ("kim", "kim-hr", "hr", "operator")]
    run_id, [mine, _] = await asked(hr, leaver)

    def rest(run: Any) -> bool:
        return planned(run) and step(run, "snapshot_code")["status"] == "verified"

    run: Any = None
    for decides, confirms, name in (
        ("page", "terminal", "code"),
        ("terminal", "page", None),
        ("api", "page", "end_code_sessions"),
        ("terminal", "api", "suspend_code"),
    ):
        if name == "code":
            command = settle(run_id, "code", mine)
        else:
            command = skip(run_id, step(run, name)) if name is not None else hold(run_id)
        title, remedy, cause = PAUSE if name is None else ALONE
        said = await kim.does(decides, command)
        assert decides == "api" or CONFIRMS in said, said
        run = await until(hr.api, run_id, rest)
        [exception] = kept(run)
        assert (exception["step"] or exception["system"], exception["owners"]) == (name, ["requester"])
        confirmed = accept(run_id, exception["exception_id"])
        await second.refused(confirmed, 403, "second_person_needed", cause, "Ask another person")
        if name == "code":
            await operator.refused(confirmed, *NOT_HR)
        after = (await hr.api.get(f"/runs/{run_id}")).json()
        assert after["version"] == run["version"], "nothing was recorded"

        # What waits for whom: on the page of HR and of the person who can't confirm it, and at the terminal.
        shown = text_of(await hr.page.get(f"/runs/{run_id}"))
        assert title in shown and remedy in shown
        place = anchor(run_id, exception["exception_id"])
        page = await second.page.get(f"/runs/{run_id}")
        assert cause in text_of(page)
        assert not ParsedPage(page.text).has_button("Accept", place)
        _, shown = await hr.typed("show", run_id)
        about = name if name in (None, "code") else step(run, name)["title"]
        assert f"{title} ({about or 'the run'}). " in shown and remedy in shown
        assert f"offboard exceptions accept {run_id} {exception['exception_id']}" in shown

        await hr.does(confirms, confirmed)
        assert kept((await hr.api.get(f"/runs/{run_id}")).json()) == []


@pytest.mark.parametrize("at", ["page", "terminal", "together", "for another"])
async def test_the_person_who_selected_accounts_removes_no_access_with_a_newer_role(
    sign_in: SignInAs, leaver: Leavers, at: str
) -> None:
    kim, hr = await sign_in("kim"), await sign_in("hr")
    run_id, accounts = await asked(hr, leaver, cutoff=PAST)
    await kim.does("api", settle(run_id, "code", *accounts))
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    assert kept(run) == [], "another person decides at the gate"
    [gate] = [gate["gate_id"] for gate in run["gates"] if gate["state"] == "open"]
    if at == "for another":
        await delegate_to_kim(await sign_in("it"))
        await kim.does("api", approve(run_id, gate))
    else:
        it = await sign_in(LATER[at])
        if at == "together":
            answer = await it.api.post("/decisions", json={"gates": [{"run_id": run_id, "gate_id": gate}]})
            assert answer.json()["outcomes"][0]["refused"] is None, answer.text
        else:
            assert CONFIRMS in await it.does(at, approve(run_id, gate))

    def waits(run: Any) -> bool:
        removal = step(run, "end_code_sessions")
        return step(run, "snapshot_code")["status"] == "verified" and removal["waits_for"] == "exception"

    run = await until(hr.api, run_id, waits)
    [exception] = kept(run)
    assert step(run, "suspend_code")["status"] == "planned"
    _, shown = await hr.typed("show", run_id)
    assert "Blocked by an exception" in shown and "Access kept open (code). " in shown
    assert "Blocked by an exception" in text_of(await hr.page.get(f"/runs/{run_id}?part=plan"))
    await hr.does(at if at in ENTRY_POINTS else "api", accept(run_id, exception["exception_id"]))
    run = await until(hr.api, run_id, lambda run: run["access_verified_at"] is not None)
    assert kept(run) == []


async def delegate_to_kim(approver: SignedIn) -> None:
    """For a minute: what is approved for the approver ends with it."""
    now = datetime.now(UTC)
    term = {"to": "kim", "since": now.isoformat(), "until": (now + timedelta(seconds=60)).isoformat()}
    given = await approver.api.post("/delegations", json=term)
    assert given.status_code < 300, given.text


async def test_a_removal_without_a_gate_waits_for_the_person_who_confirms_the_account(
    sign_in: SignInAs, leaver: Leavers
) -> None:
    """Also where HR selects: a second person of HR confirms it."""
    hr, second, operator = await sign_in("hr"), await sign_in("kim-hr"), await sign_in("operator")
    run_id, accounts = await asked(hr, leaver, UNGATED, cutoff=PAST)
    assert CONFIRMS in await operator.does("terminal", settle(run_id, "code", *accounts))
    [first] = kept((await hr.api.get(f"/runs/{run_id}")).json())
    assert CONFIRMS in await hr.does("page", settle(run_id, "code", accounts[0]))
    run = await until(
        hr.api, run_id, lambda run: planned(run) and step(run, "end_code_sessions")["waits_for"] == "exception"
    )
    [exception] = kept(run)
    assert exception["exception_id"] != first["exception_id"] and exception["not_selected"] == accounts[1:]
    confirmed = accept(run_id, exception["exception_id"])
    await hr.refused(confirmed, 403, "second_person_needed", ALONE[2], "Ask another person")
    assert (await hr.api.get(f"/runs/{run_id}")).json()["access_verified_at"] is None
    await second.does("page", confirmed)
    run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
    assert run["access_verified_at"] is not None and run["gates"] == []


async def test_a_removal_that_an_operator_reports_counts_once_hr_confirms_it(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=PAST)
    run = await until(
        hr.api, run_id, lambda run: planned(run) and step(run, "snapshot_code")["status"] == "verified" and run["gates"]
    )
    # Neither the response to the request nor reading the account back shows whether it took effect.
    await stack.company.break_("code", "error_in_200", path="^/accounts/[^/]+(/sessions)?$")
    try:
        await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
        run = await until(hr.api, run_id, lambda run: step(run, "end_code_sessions")["status"] == "unknown")
        run = await until(hr.api, run_id, lambda run: [one for one in run["tasks"] if one["state"] == "open"])
    finally:
        await stack.company.clear_faults("code")
    [task] = [one["task_id"] for one in run["tasks"] if one["state"] == "open"]
    assert CONFIRMS in await operator.does("page", complete(run_id, task))
    run = await until(hr.api, run_id, lambda run: step(run, "suspend_code")["status"] == "verified")
    [exception] = kept(run)
    assert step(run, "end_code_sessions")["status"] == "attested"
    assert (run["access_verified_at"], run["finished_at"]) == (None, None), "no one but the operator says so"
    await operator.refused(accept(run_id, exception["exception_id"]), *NOT_HR)
    await hr.does("terminal", accept(run_id, exception["exception_id"]))
    run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
    assert run["access_verified_at"] is not None


async def test_a_deactivation_is_the_removal_where_nothing_suspends_the_account(
    sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, finance, operator = await sign_in("hr"), await sign_in("finance"), await sign_in("operator")
    run_id = await start(hr.api, await leaver(), packet=CLOSING, cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    assert "still open" in text_of(await hr.page.get(f"/runs/{run_id}")).lower()
    closing = step(run, "close_card")
    assert CONFIRMS in await operator.does("page", skip(run_id, closing))
    run = (await hr.api.get(f"/runs/{run_id}")).json()
    [exception] = kept(run)
    assert exception["step"] == "close_card" and run["access_verified_at"] is None
    await hr.does("terminal", retry(run_id, closing))
    run = (await hr.api.get(f"/runs/{run_id}")).json()
    assert kept(run) == []
    [gate] = [gate["gate_id"] for gate in run["gates"] if gate["state"] == "open"]
    await finance.does("page", approve(run_id, gate))
    run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
    assert run["access_verified_at"] is not None


async def test_a_deactivation_before_the_cutoff_is_refused_wherever_a_packet_comes_in(
    sign_in: SignInAs, tmp_path: Path
) -> None:
    owner = await sign_in("value-owner")
    packet = packet_of("cards-closing-early", ("snapshot_cards", "close_card"), at=None)
    folder = tmp_path / "early"
    folder.mkdir()
    for name, content in packet.files.items():
        (folder / name).write_bytes(content)
    cause, remedy = "'close_card' removes access before the cutoff, while the person still works", "write 'at: cutoff'"
    texts = {name.removesuffix(".yaml"): content.decode() for name, content in packet.files.items()}
    answer = await owner.api.post("/packets", json=texts)
    assert answer.status_code == 422 and cause in answer.text and remedy in answer.text, answer.text
    for typed in (("packet", "check", str(folder)), ("packet", "sign", str(folder))):
        code, said = await owner.typed(*typed)
        assert code == 1 and cause in said and remedy in said, said
    assert (await owner.api.get("/packets/cards-closing-early")).status_code == 404
