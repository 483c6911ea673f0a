"""An exception is assigned, snoozed, commented on and waived at each entry point, and shows who did that and why."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest_asyncio

from orchestrator.domain.packet.packet import WORKFLOW_FILE
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.web.state import LocalMember
from tests.cli.command_line import hired
from tests.web.api.running import PAST, Leavers, served, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    WHY,
    SignedIn,
    SignInAs,
    accept,
    assign,
    comment,
    packet_of,
    signed_in,
    snooze,
    text_of,
    waive,
)

PACKET = "key-leaver"
CANARY = "quillmarkcomment"


@pytest_asyncio.fixture(scope="module")
async def url(stack: Stack) -> AsyncIterator[str]:
    """Where an operator beside the stack's own signs in. The packet has one task, which is late at once."""
    olga = (await hired(stack)).employee_number
    actors = (await stack.services.runs.organisation()).actors
    files = packet_of(PACKET, ("collect_office_key",), gate=None, at=None).files
    hasty = files[WORKFLOW_FILE].replace(b"due_within: P3D", b"due_within: PT1S")
    packet = parse_packet({**files, WORKFLOW_FILE: hasty})
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    async with served(stack, members=[LocalMember("olga", olga, ("operator",), "")]) as at:
        yield at


@pytest_asyncio.fixture
async def sign_in(url: str, tmp_path: Path) -> AsyncIterator[SignInAs]:
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> SignedIn:
            return await open_ones.enter_async_context(signed_in(url, alias, tmp_path))

        yield one


async def late(hr: SignedIn, leaver: Leavers) -> tuple[str, str]:
    """A run whose task is late, and the exception about it."""
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(one["kind"] == "task_overdue" for one in run["exceptions"]))
    return run_id, next(one["exception_id"] for one in run["exceptions"] if one["kind"] == "task_overdue")


async def shown(who: SignedIn, run_id: str, exception_id: str) -> Any:
    run = (await who.api.get(f"/runs/{run_id}")).json()
    return next(one for one in run["exceptions"] if one["exception_id"] == exception_id)


def close_to(at: str, local: str) -> bool:
    """Pages read a local time in the zone of their reader."""
    return abs(datetime.fromisoformat(at) - datetime.fromisoformat(f"{local}Z")) < timedelta(hours=15)


async def in_inbox(who: SignedIn, exception_id: str, run_id: str, *, mine: bool = True) -> bool:
    items = (await who.api.get("/inbox", params={"mine": mine, "limit": 200})).json()["items"]
    return (run_id, exception_id) in {(one["run_id"], one["id"]) for one in items}


async def test_each_entry_point_assigns_snoozes_comments_and_waives(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator, _ = await sign_in("hr"), await sign_in("operator"), await sign_in("olga")
    run_id, about = await late(hr, leaver)
    due = (await shown(hr, run_id, about))["due_at"]
    for days, at in enumerate(ENTRY_POINTS, start=2):
        soon = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}"
        assert await in_inbox(operator, about, run_id)
        await operator.refused_at(at, snooze(run_id, about, soon, ""), 422, "A reason is required")
        await operator.refused_at(at, assign(run_id, about, "it"), 422, "can own this exception")
        await operator.does(at, assign(run_id, about, "olga"))
        await operator.does(at, comment(run_id, about, f"{CANARY} at the {at}"))
        await operator.does(at, snooze(run_id, about, soon, WHY))
        seen = await shown(operator, run_id, about)
        assert seen["assigned_to"] == "olga" and seen["due_at"] == due and seen["comments"][-1]["by"] == "operator"
        assert seen["comments"][-1]["text"] == f"{CANARY} at the {at}"
        assert close_to(seen["snoozed_until"], soon)
        assert not await in_inbox(operator, about, run_id) and await in_inbox(operator, about, run_id, mine=False)
        await operator.does("api", assign(run_id, about, "operator"))
        assert await operator.typed("exceptions", "snooze", run_id, about, "--none") == (
            0,
            f"Exception {about} of run {run_id} is in the inbox again.",
        )
    for days, at in enumerate(ENTRY_POINTS, start=2):
        soon = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}"
        await operator.does(at, waive(run_id, about, soon))
        seen = await shown(operator, run_id, about)
        assert seen["state"] == "open" and close_to(seen["waived_until"], soon)
        assert seen["due_at"] == seen["waived_until"] == seen["waiver"]["until"]
        waiver = seen["waiver"]
        assert (waiver["by"], waiver["reason"]) == ("operator", WHY)
        assert waiver["compensating_control"] == "Its card is watched."
        assert not await in_inbox(operator, about, run_id)
    run = (await hr.api.get(f"/runs/{run_id}")).json()
    assert run["state"] != "needs_attention" and run["finished_at"] is None
    page, (code, terminal) = text_of(await operator.page.get(f"/runs/{run_id}")), await operator.typed("exceptions")
    assert code == 0
    for said in (page, terminal):
        assert "Waived until" in said and WHY in said and "Its card is watched." in said and CANARY in said
    of_olga = (await operator.api.get("/exceptions", params={"assigned_to": "operator"})).json()["exceptions"]
    assert (run_id, about) in {(one["run_id"], one["exception_id"]) for one in of_olga}


async def test_one_exception_is_shown_whole_at_each_entry_point(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id, about = await late(hr, leaver)
    soon = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}"
    await operator.does("api", comment(run_id, about, f"{CANARY} on the card"))
    await operator.does("api", waive(run_id, about, soon))
    answer = await operator.api.get(f"/runs/{run_id}/exceptions/{about}")
    assert answer.status_code == 200, answer.text
    card = answer.json()
    allowed = {one["action"] for one in card["actions"] if one["allowed"]}
    assert {"complete_task", "accept", "skip", "waive", "assign", "snooze", "comment"} <= allowed
    assert "operator" in card["can_resolve"]
    page = text_of(await operator.page.get(f"/runs/{run_id}"))
    code, terminal = await operator.typed("exceptions", "show", run_id, "task_overdue")
    assert code == 0, terminal
    for said in (page, terminal):
        for fact in (card["title"], card["meaning"], card["remedy"], card["if_not_resolved"], WHY, CANARY):
            assert fact in said, fact
        assert "Its card is watched." in said
    assert f"offboard exceptions accept {run_id} {about} --reason …" in terminal
    assert f"offboard tasks complete {run_id} {card['step']} --evidence …" in terminal
    code, printed = await operator.typed("exceptions", "show", run_id, about, "--json")
    assert code == 0 and json.loads(printed)["comments"][0]["text"] == f"{CANARY} on the card"
    assert set(json.loads(printed)) == set(card)

    code, of_hr = await hr.typed("exceptions", "show", run_id, about)
    assert code == 0 and "Not available to you: Only an operator can do this" in of_hr
    await operator.does("api", accept(run_id, about))
    code, closed = await operator.typed("exceptions", "show", run_id, about)
    assert code == 0 and "Closed by operator, " in closed and "You can" not in closed
    code, unknown = await operator.typed("exceptions", "show", run_id, "x-none")
    assert code == 1 and "has no exception x-none" in unknown and "offboard exceptions" in unknown


async def test_a_card_shows_who_closed_an_exception_and_why(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id, about = await late(hr, leaver)
    await operator.does("api", accept(run_id, about))
    seen = await shown(operator, run_id, about)
    assert (seen["state"], seen["by"], seen["reason"]) == ("closed", "operator", WHY) and seen["closed_at"]
    page, (_, terminal) = text_of(await operator.page.get(f"/runs/{run_id}")), await operator.typed("show", run_id)
    assert WHY in page and WHY in terminal


async def test_a_time_with_any_offset_is_taken_in_utc_and_a_control_that_no_one_sees_is_none(
    sign_in: SignInAs, leaver: Leavers
) -> None:
    """PostgreSQL keeps no offset of 16 hours or more."""
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id, about = await late(hr, leaver)
    end = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    far = end.astimezone(timezone(timedelta(hours=23, minutes=59))).isoformat()
    path = f"/runs/{run_id}/exceptions/{about}"
    said = {"until": far, "reason": WHY, "compensating_control": "\u200b"}
    for who, place, body in ((operator, "snooze", {"until": far, "reason": WHY}), (operator, "waiver", said)):
        answer = await who.api.post(f"{path}/{place}", json=body)
        assert answer.status_code == 200, (place, answer.text)
    card = await shown(hr, run_id, about)
    assert datetime.fromisoformat(card["waived_until"]) == datetime.fromisoformat(card["snoozed_until"]) == end
    assert card["waiver"]["compensating_control"] is None
    answer = await hr.api.post(f"/runs/{run_id}/hold", json={"until": far})
    assert answer.status_code == 200, answer.text
    run = (await hr.api.get(f"/runs/{run_id}")).json()
    assert datetime.fromisoformat(run["held_until"]) == end
    over = await operator.api.post(f"{path}/waiver", json={"until": "9999-12-31T23:59:59-14:00", "reason": WHY})
    assert (over.status_code, over.json()["code"]) == (422, "invalid_request")
    assert "years 1 to 9999" in over.text
