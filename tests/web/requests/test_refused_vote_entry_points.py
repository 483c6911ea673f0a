"""A vote that an entry point refuses, also to a program, is in the run's history with the account and the reason."""

from __future__ import annotations

import pytest

from orchestrator.embedded.stack import Stack
from tests.web.api.running import Leavers, gate_of, planned, refused, start, until
from tests.web.requests.entry_points import ENTRY_POINTS, SignInAs, approve, text_of
from tests.web.visitor import api


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_refused_vote_is_in_the_history(sign_in: SignInAs, leaver: Leavers, entry_point: str) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id = await start(hr.api, await leaver())
    gate = gate_of(await until(hr.api, run_id, planned), "access")["gate_id"]
    for _ in range(2):
        await operator.refused_at(entry_point, approve(run_id, gate), 403, "can decide at gate")
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    [found] = [event for event in events if event["type"] == "VoteRefused"]
    assert found["data"]["human"]
    assert {name: found["data"][name] for name in ("gate_id", "by", "account_kind", "verdict", "refusal")} == {
        "gate_id": gate,
        "by": "operator",
        "account_kind": "person",
        "verdict": "approve",
        "refusal": "role_missing",
    }
    words = "Remove access: approve, not counted. The account does not have a role that decides here."
    page = text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "Decision refused" in page and words in page
    _, printed = await hr.typed("show", run_id, "--events")
    assert "VoteRefused" in printed and "by operator not counted: the account does not have a role" in printed
    history = (await hr.api.get("/ledger/history", params={"run": run_id})).json()["events"]
    [entry] = [one for one in history if one["type"] == "VoteRefused"]
    assert (entry["by"], entry["outcome"], entry["item"]) == (["operator"], "role_missing", gate)


async def test_a_program_that_votes_leaves_one_event_for_each_gate(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, owner = await sign_in("hr"), await sign_in("safety-owner")
    run_id = await start(hr.api, await leaver())
    gate = gate_of(await until(hr.api, run_id, planned), "access")["gate_id"]
    said = {"name": "Feed", "kind": "service", "roles": ["hr_system"], "up_to": "prepare", "lasts_days": 2}
    made = (await owner.api.post("/tokens", json=said)).json()
    async with api(stack.url, made["token"]) as program:
        path = f"/runs/{run_id}/gates/{gate}/decision"
        for _ in range(5):
            refused(await program.post(path, json={"verdict": "approve"}), 403, "only_people_decide")
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    [found] = [event["data"] for event in events if event["type"] == "VoteRefused"]
    assert (found["account_kind"], found["refusal"]) == ("service", "only_people_decide")
    page = text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "approve by a program (service), not counted. Only people can decide." in page
