"""What keeps a removal waiting, at each entry point: delays that an operator accepts, re-plans, paused systems, and a
step whose account is one of several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest_asyncio

from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.web.pages.run.cards import anchor
from tests.web.api.running import PAST, Leavers, start, until
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignedIn,
    SignInAs,
    accept,
    approve,
    hold_system,
    packet_of,
    release_system,
    replan,
    settle,
    signed_in,
    skip,
    text_of,
)

PACKET, HASTY = "code-removal", "code-removal-hasty"
STEPS = ("snapshot_code", "suspend_code")
NOT_HR = (403, "role_missing", "Only a requester can do this", "Ask a person with one of these roles")
AGAIN = "accept the delay and give a reason"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    """In the hasty one a delay opens an exception after a second, and is accepted for a second."""
    actors = (await stack.services.runs.organisation()).actors
    soon = {"retries_become_exception_after": "PT1S"}
    for packet in (packet_of(PACKET, STEPS), packet_of(HASTY, STEPS, ("due_within: P1D", "due_within: PT1S"), **soon)):
        await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


@pytest_asyncio.fixture
async def sign_in(stack: Stack, tmp_path: Path) -> AsyncIterator[SignInAs]:
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> SignedIn:
            return await open_ones.enter_async_context(signed_in(stack.url, alias, tmp_path))

        yield one
    await stack.company.clear_faults("code")


def exceptions(run: Any, *kinds: str) -> list[Any]:
    return [one for one in run["exceptions"] if one["state"] == "open" and one["kind"] in kinds]


def removal(run: Any) -> Any:
    return next((one for one in run["steps"] if one["name"] == "suspend_code"), None)


async def approved(hr: SignedIn, it: SignedIn, run_id: str) -> Any:
    """The run with its approval, whose removal is due."""
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    return await until(hr.api, run_id, lambda run: removal(run)["waits_for"] != "gate")


async def test_a_delay_that_an_operator_accepted_is_an_exception_again(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    await stack.company.break_("code", "503", method="GET")
    run_id = await start(hr.api, await leaver(), packet=HASTY, cutoff=PAST)
    await accepted_again(hr, operator, run_id, "search_failed", ("page",))
    await stack.company.clear_faults("code")
    await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await stack.company.break_("code", "503", method="POST")
    await approved(hr, it, run_id)
    await accepted_again(hr, operator, run_id, "step_failing", ("api", "terminal"))
    await stack.company.clear_faults("code")
    await until(hr.api, run_id, lambda run: run["state"] == "clean")


async def accepted_again(hr: SignedIn, operator: SignedIn, run_id: str, kind: str, at: Iterable[str]) -> None:
    """The exception is accepted at each of these entry points, and opens again."""
    known: set[str] = set()
    for number, entry_point in enumerate(at):
        run = await until(hr.api, run_id, lambda run: exceptions(run, kind))
        [exception] = exceptions(run, kind)
        assert exception["exception_id"] not in known, "not the one that was accepted"
        known.add(exception["exception_id"])
        assert exception["exception_id"].endswith(f"-again-{number}") == bool(number)
        assert AGAIN in exception["remedy"] and "opens again" in exception["remedy"]
        page = await operator.page.get(f"/runs/{run_id}")
        assert AGAIN in text_of(page)
        assert ParsedPage(page.text).has_button("Accept", anchor(run_id, exception["exception_id"]))
        _, shown = await operator.typed("show", run_id)
        assert AGAIN in shown and f"exceptions accept {run_id} {exception['exception_id']}" in shown
        await operator.does(entry_point, accept(run_id, exception["exception_id"]))
        run = (await hr.api.get(f"/runs/{run_id}")).json()
        closed = next(x for x in run["exceptions"] if x["exception_id"] == exception["exception_id"])
        assert closed["disposition"] == "accepted"
    assert len((await until(hr.api, run_id, lambda run: exceptions(run, kind)))["exceptions"]) > len(known)


async def test_re_plans_while_a_plan_is_made_do_nothing_and_a_step_of_several_accounts_is_confirmed_when_skipped(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    person = await leaver("code_without_number")
    await stack.company.break_("code", "503", method="POST")
    run_id = await start(hr.api, person, packet=PACKET, cutoff=PAST)
    await approved(hr, it, run_id)
    await until(hr.api, run_id, lambda run: removal(run)["status"] == "retrying")

    # The search for the new plan is answered late.
    await stack.company.break_("code", "slow", method="GET", seconds=8)
    twin = {"former_emails": (person.email,), "email": f"twin.{person.email}"}
    await leaver("code_under_former_email", **twin)
    await operator.does("api", replan(run_id))
    answers = await asyncio.gather(*(operator.does(at, replan(run_id)) for at in ENTRY_POINTS))
    assert all("being re-planned" in said or '"events":0' in said for said in answers), answers
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    assert [one["type"] for one in events].count("RunReplanned") == 1
    await stack.company.clear_faults("code")
    await stack.company.break_("code", "503", method="POST")

    # The same address is on two accounts now, and none is expected: that of the step is not gone.
    run = await until(hr.api, run_id, lambda run: exceptions(run, "ambiguous_match"))
    assert removal(run)["waits_for"] == "open_question" and not exceptions(run, "account_gone")
    assert "Waiting for account match" in text_of(await operator.page.get(f"/runs/{run_id}?part=plan"))
    said = await operator.does("terminal", skip(run_id, removal(run)))
    assert "An exception is open for a requester, who confirms this." in said
    [kept] = exceptions((await hr.api.get(f"/runs/{run_id}")).json(), "access_kept")
    assert (kept["step"], kept["owners"]) == ("suspend_code", ["requester"])
    await operator.refused(accept(run_id, kept["exception_id"]), *NOT_HR)
    await hr.does("page", accept(run_id, kept["exception_id"]))
    [question] = exceptions(run, "ambiguous_match")
    await operator.does("api", settle(run_id, "code", *(one["account_id"] for one in question["candidates"])))
    await until(hr.api, run_id, lambda run: removal(run)["waits_for"] != "plan")
    await operator.does("terminal", replan(run_id))
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    assert [one["type"] for one in events].count("RunReplanned") == 2


async def test_a_paused_system_that_keeps_access_open_is_reported_to_hr_however_it_was_paused(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator, owner = [await sign_in(one) for one in ("hr", "it", "operator", "safety-owner")]
    run_id = await start(hr.api, await leaver(), packet=HASTY, cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    assert not exceptions(run, "pause_unconfirmed")
    for at in ENTRY_POINTS:
        await operator.does(at, hold_system("code", HASTY))
        try:
            run = await until(hr.api, run_id, lambda run: exceptions(run, "pause_unconfirmed"))
            [pause] = exceptions(run, "pause_unconfirmed")
            assert (pause["system"], pause["owners"]) == ("code", ["requester"])
            await operator.refused(accept(run_id, pause["exception_id"]), *NOT_HR)
            title, remedy = "Pause not confirmed by HR", "Resume the run or the system; or accept the pause"
            page = text_of(await hr.page.get(f"/runs/{run_id}"))
            assert title in page and remedy in page
            _, shown = await hr.typed("show", run_id)
            assert f"{title} (code). {remedy}" in shown and "Paused code" in shown
            await hr.does(at, accept(run_id, pause["exception_id"]))
        finally:
            await owner.does(at, release_system("code", HASTY))
    await approved(hr, it, run_id)
    await until(hr.api, run_id, lambda run: run["state"] == "clean")
