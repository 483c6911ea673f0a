"""The close of a run is signed at each entry point, rejected, and signed again after a step was repeated."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.web.pages.run.cards import anchor
from orchestrator.web.state import LocalMember
from tests.cli.command_line import hired
from tests.web.api.running import PAST, Leavers, gate_of, served, start, until
from tests.web.pages.pressing import page_with
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignedIn,
    SignInAs,
    approve,
    hold,
    make_urgent,
    packet_of,
    reject,
    release,
    replay,
    signed_in,
    text_of,
)

PACKET = "signed-leaver"
STEPS = ("snapshot_code", "suspend_code")
CLOSE = """\
close:
  it_signs: {title: IT signs the close, decided_by: [it_approver, it_clerk], decide_within: P5D, valid_for: P30D}
  finance_signs:
    title: Finance signs the close
    decided_by: [finance_approver, finance_clerk]
    decide_within: P5D
    valid_for: P30D

exceptions:
"""
WHY_NOT = "The token of the build server is still there"


def open_names(run: Any) -> set[str]:
    return {gate["gate"] for gate in run["gates"] if gate["state"] == "open"}


def to_sign(run: Any) -> bool:
    return open_names(run) == {"it_signs", "finance_signs"}


async def in_inbox(who: SignedIn, run_id: str) -> list[Any]:
    items = (await who.api.get("/inbox", params={"limit": 200})).json()["items"]
    return [one for one in items if one["run_id"] == run_id]


async def ended(stack: Stack, hr: SignedIn, leaver: Leavers, name: str = PACKET, close: str = CLOSE) -> tuple[str, Any]:
    """A run whose steps have ended, so that people are asked to sign."""
    packet = packet_of(name, STEPS, ("exceptions:\n", close), gate=None, at=None)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    run_id = await start(hr.api, await leaver(), packet=name, cutoff=PAST)
    return run_id, await until(hr.api, run_id, to_sign)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_people_sign_the_close(stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str) -> None:
    hr, it, finance = await sign_in("hr"), await sign_in("it"), await sign_in("finance")
    operator = await sign_in("operator")
    run_id, run = await ended(stack, hr, leaver)
    assert run["state"] == "awaiting_decision" and run["finished_at"] is None
    first, second = gate_of(run, "it_signs"), gate_of(run, "finance_signs")
    assert first["steps"] == [] and first["close"]["outcome"] == "clean" and first["close"]["before"] is None
    assert first["close"]["systems"] == [{"place": "code", "outcome": "verified"}]
    assert first["close"]["digest"] != second["close"]["digest"] and not first["close"]["counts"]

    [item] = await in_inbox(it, run_id)
    assert item["subject"] == "Sign the close for it_signs: 2 steps" and item["title"] == "IT signs the close"
    page = await it.page.get(f"/runs/{run_id}")
    assert "Every step has ended: 2 verified, 0 attested, none skipped." in text_of(page)
    assert "Sign the close : IT signs the close" in text_of(page)
    place = f'id="{anchor(run_id, first["gate_id"])}"'
    _, found, card = (await page_with(it.page, "/inbox", anchor(run_id, first["gate_id"]))).partition(place)
    assert found and "Sign the close" in card.partition('<li class="card')[0]
    _, printed = await it.typed("show", run_id)
    assert "it signs: Every step has ended: 2 verified, 0 attested, none skipped." in printed

    await operator.refused_at(entry_point, approve(run_id, first["gate_id"]), 403, "can decide at gate")
    await it.does(entry_point, approve(run_id, first["gate_id"]))
    await it.refused_at(
        entry_point,
        approve(run_id, first["gate_id"]),
        409,
        "IT signs the close was approved" if entry_point == "page" else "was approved",
    )

    # Finance rejects, and a step is repeated: IT signs again, and reads why.
    await finance.does(entry_point, reject(run_id, second["gate_id"], WHY_NOT))
    run = await until(hr.api, run_id, lambda run: any(one["kind"] == "close_rejected" for one in run["exceptions"]))
    rejected = next(one for one in run["exceptions"] if one["kind"] == "close_rejected")
    assert rejected["owners"] == ["operator"] and rejected["decision"]["reason"] == WHY_NOT
    assert run["state"] == "needs_attention" and gate_of(run, "it_signs")["close"]["counts"]
    assert WHY_NOT in text_of(await operator.page.get(f"/runs/{run_id}"))
    await operator.does("api", replay(run_id, None, "suspend_code"))
    run = await until(hr.api, run_id, to_sign)
    again = [gate for gate in run["gates"] if gate["gate"] == "it_signs"]
    assert [gate["close"]["counts"] for gate in again] == [False, False]
    assert [vote["by"] for vote in again[-1]["close"]["before"]["votes"]] == ["it"]
    [change] = again[-1]["close"]["before"]["changes"]
    assert (change["kind"], change["before"], change["after"]) == ("step", "verified", "verified")
    shown = text_of(await it.page.get(f"/runs/{run_id}"))
    assert "This no longer counts. The run has changed since: the step" in shown and "was repeated (verified)" in shown
    assert "was repeated (verified)" in (await it.typed("show", run_id))[1]
    await it.refused_at(entry_point, approve(run_id, first["gate_id"]), 409, "approved")

    await finance.does(entry_point, approve(run_id, "g-finance_signs-2"))
    said = await it.does(entry_point, approve(run_id, again[-1]["gate_id"]))
    assert entry_point == "api" or "The run is completed." in said
    run = await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    assert run["state"] == "clean" and run["summary"]["verified"] == run["summary"]["steps"] == 2
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    closed = next(event["data"] for event in events if event["type"] == "RunClosed")
    assert sorted(closed["signed_at"]) == ["g-finance_signs-2", "g-it_signs-2"]
    assert "Signed: IT signs the close, Finance signs the close." in text_of(await hr.page.get(f"/runs/{run_id}"))


async def test_one_person_signs_once_whatever_their_roles(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, tmp_path: Path
) -> None:
    hr, it, finance = await sign_in("hr"), await sign_in("it"), await sign_in("finance")
    run_id, run = await ended(stack, hr, leaver)
    number = (await hired(stack)).employee_number
    # Roles that no other packet of the stack has.
    both = LocalMember("bo", number, ("it_clerk", "finance_clerk"), "")
    async with served(stack, members=[both]) as url, signed_in(url, "bo", tmp_path) as bo:
        await bo.does("api", approve(run_id, gate_of(run, "it_signs")["gate_id"]))
        finance_gate = approve(run_id, gate_of(run, "finance_signs")["gate_id"])
        await bo.refused(
            finance_gate,
            403,
            "close_signed_once",
            "A person signs the close of a run once",
            "Ask another person with the gate's role",
        )
    await it.refused_at("api", finance_gate, 403, "can decide at gate")
    await finance.does("api", finance_gate)
    assert (await until(hr.api, run_id, lambda run: run["finished_at"] is not None))["state"] == "clean"


async def test_two_accounts_of_one_person_sign_once(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, tmp_path: Path
) -> None:
    hr, finance = await sign_in("hr"), await sign_in("finance")
    run_id, run = await ended(stack, hr, leaver)
    number = (await hired(stack)).employee_number
    accounts = [LocalMember("cy-it", number, ("it_clerk",), ""), LocalMember("cy-fin", number, ("finance_clerk",), "")]
    signs_it, signs_finance = (approve(run_id, gate_of(run, f"{name}_signs")["gate_id"]) for name in ("it", "finance"))
    (tmp_path / "other").mkdir()
    async with (
        served(stack, members=accounts) as url,
        signed_in(url, "cy-it", tmp_path) as one,
        signed_in(url, "cy-fin", tmp_path / "other") as other,
    ):
        shown = await one.does("page", signs_it)
        assert "Signed: IT signs the close, for " in shown
        await other.refused(
            signs_finance,
            403,
            "close_signed_once",
            "A person signs the close of a run once",
            "Ask another person with the gate's role",
        )
        events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
        assert [
            (event["data"]["by"], event["data"]["refusal"]) for event in events if event["type"] == "VoteRefused"
        ] == [("cy-fin", "close_signed_once")]
        assert [event["data"]["by"] for event in events if event["type"] == "GateVoted"] == ["cy-it"]
        # The run is not shown to this account any more, and the page says what became of the approval.
        await one.refused_at("page", signs_it, 409, "IT signs the close was approved at")
    await finance.does("api", signs_finance)
    assert (await until(hr.api, run_id, lambda run: run["finished_at"] is not None))["state"] == "clean"


async def test_a_run_that_waits_only_for_signatures_is_not_made_urgent(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr = await sign_in("hr")
    run_id, _ = await ended(stack, hr, leaver)
    assert f"/runs/{run_id}/urgent" not in (await hr.page.get(f"/runs/{run_id}")).text, "it is not offered"
    await hr.refused(
        make_urgent(run_id),
        409,
        "only_signatures",
        "waits only for signatures: no step is left to start",
        "Ask the people who sign the close to decide now",
    )


async def test_a_vote_of_two_counts_again_after_an_exception(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, tmp_path: Path
) -> None:
    hr, it, finance = await sign_in("hr"), await sign_in("it"), await sign_in("finance")
    operator = await sign_in("operator")
    number = (await hired(stack)).employee_number
    members = [LocalMember("di", number, ("it_clerk",), "")]
    async with served(stack, members=members) as url, signed_in(url, "di", tmp_path) as second:
        by_two = CLOSE.replace("it_clerk],", "it_clerk], quorum: 2,")
        run_id, run = await ended(stack, hr, leaver, "leaver-signed-by-two", by_two)
        first = gate_of(run, "it_signs")["gate_id"]
        assert "1 of 2 signatures: one more is needed" in await it.does("page", approve(run_id, first))
        # HR confirms a pause by an operator. While it has not, people do not sign.
        await operator.does("api", hold(run_id))
        await until(hr.api, run_id, lambda run: open_names(run) == set())
        await operator.does("api", release(run_id))
        run = await until(hr.api, run_id, to_sign)
        asked = [gate for gate in run["gates"] if gate["gate"] == "it_signs"][-1]
        assert asked["gate_id"] != first and [vote["by"] for vote in asked["votes"]] == ["it"]
        assert "1 of 2" in text_of(await operator.page.get(f"/runs/{run_id}"))
        assert "1 of 2" in (await operator.typed("show", run_id))[1]
        signs = approve(run_id, asked["gate_id"])
        assert '"events":0' in await it.does("api", signs), "the vote counts already"
        await it.refused_at("api", reject(run_id, asked["gate_id"], WHY_NOT), 409, "already")
        assert "Signed: IT signs the close, for " in await second.does("page", signs)
    await finance.does("api", approve(run_id, "g-finance_signs-2"))
    assert (await until(hr.api, run_id, lambda run: run["finished_at"] is not None))["state"] == "clean"


async def test_two_signatures_at_once_close_the_run_once(stack: Stack, sign_in: SignInAs, leaver: Leavers) -> None:
    hr, it, finance = await sign_in("hr"), await sign_in("it"), await sign_in("finance")
    run_id, run = await ended(stack, hr, leaver)
    signing = [approve(run_id, gate_of(run, name)["gate_id"]) for name in ("it_signs", "finance_signs")]
    await asyncio.gather(*(who.does("api", what) for who, what in zip((it, finance), signing, strict=True)))
    await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    kinds = [event["type"] for event in (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]]
    assert kinds.count("RunClosed") == 1 and kinds.count("GateDecided") == 2 and kinds[-1] == "RunClosed"
