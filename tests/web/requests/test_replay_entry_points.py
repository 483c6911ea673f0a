"""A run is replayed at each entry point: the preview, the replay of the closed run, and what is decided again."""

from __future__ import annotations

import pytest

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import PAST, Leavers, start, until
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignInAs,
    approve,
    packet_of,
    replay,
    text_of,
)

STEPS = ("snapshot_code", "suspend_code")


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_closed_run_is_replayed(stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    packet = packet_of("replayed", STEPS, at=None)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    run_id = await start(hr.api, await leaver(), packet="replayed", cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    run = await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    before = {step["name"]: step["attempt"] for step in run["steps"]}

    preview = (await operator.api.get(f"/runs/{run_id}/replay")).json()
    assert preview["reopens"] and preview["version"] == run["version"]
    acts = {step["name"]: step["why"] or step["act"] for step in preview["steps"]}
    assert acts == {"snapshot_code": "changes_nothing", "suspend_code": "read_back"}
    page = await operator.page.get(f"/runs/{run_id}/replay")
    assert "Read again" in text_of(page) and ParsedPage(page.text).has_button("Replay")
    assert "Preview replay" in text_of(await operator.page.get(f"/runs/{run_id}"))
    _, printed = await operator.typed("replay", run_id, "--json")
    assert '"act": "read_back"' in printed
    code, asked = await operator.typed("replay", run_id)
    assert code == 1 and "The replay was not confirmed" in asked and "Read again" in asked
    same = (await operator.api.get(f"/runs/{run_id}/replay/differences")).json()
    assert same["differences"] == []
    assert "The outcome is the same" in text_of(await operator.page.get(f"/runs/{run_id}/replay?differences=yes"))
    assert "The outcome is the same" in (await operator.typed("replay", run_id, "--dry"))[1]

    for account, words in ((it, "Only an operator can do this"), (hr, "Only an operator can do this")):
        await account.refused_at(entry_point, replay(run_id, run["version"]), 403, words)
    await operator.does(entry_point, replay(run_id, run["version"]))
    again = await until(hr.api, run_id, lambda run: run["version"] > preview["version"] and run["finished_at"])
    assert again["state"] == "clean" and {step["name"]: step["attempt"] for step in again["steps"]} == before
    if entry_point != "terminal":  # which previews again; the same request is the same replay
        await operator.does(entry_point, replay(run_id, run["version"]))
    events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
    kinds = [event["type"] for event in events]
    assert kinds.count("ReplayRequested") == 1 and kinds.count("RunClosed") == 2 and kinds.count("StepReadBack") == 1
    shown = text_of(await operator.page.get(f"/runs/{run_id}"))
    assert "1 step read again" in shown and ": in effect." in shown

    await operator.does(entry_point, replay(run_id, None, "suspend_code"))
    again = await until(hr.api, run_id, lambda run: run["finished_at"] and run["steps"][-1]["generation"] == 2)
    assert again["state"] == "clean"


async def test_what_a_changed_packet_would_decide_is_shown_at_each_entry_point_and_changes_nothing(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    actors = (await stack.services.runs.organisation()).actors
    owners = actors["value-owner"], actors["safety-owner"]
    await put_in_production(stack.services, packet_of("decided-again", STEPS, gate=None), *owners)
    run_id = await start(hr.api, await leaver(), packet="decided-again", cutoff=PAST)
    run = await until(hr.api, run_id, lambda run: run["finished_at"] is not None)
    await put_in_production(stack.services, packet_of("decided-again", STEPS[1:], gate=None), *owners)

    [difference] = (await operator.api.get(f"/runs/{run_id}/replay/differences")).json()["differences"]
    assert (difference["kind"], difference["subject"]) == ("step_removed", "snapshot_code")
    page = text_of(await operator.page.get(f"/runs/{run_id}/replay?differences=yes"))
    _, printed = await operator.typed("replay", run_id, "--dry")
    for shown in (page, printed):
        assert "snapshot_code" in shown and "The outcome is the same" not in shown
    assert (await hr.api.get(f"/runs/{run_id}")).json()["version"] == run["version"]
