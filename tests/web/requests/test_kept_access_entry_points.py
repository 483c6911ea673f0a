"""Access that an operator keeps open is put before HR on pages, in the API and at the terminal."""

from __future__ import annotations

import html
from typing import Any

import httpx

from orchestrator.embedded.stack import Stack
from orchestrator.web.pages.run.cards import anchor
from tests.cli.command_line import NewLeaver, Offboard
from tests.web.api.running import planned, refused, start, until
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage, press


async def kept(client: httpx.AsyncClient, run_id: str) -> Any:
    """The open exception of the run for HR; None where there is none."""
    found = (await client.get("/exceptions", params={"run": run_id})).json()["exceptions"]
    return next((one for one in found if one["kind"] == "access_kept" and one["closed_at"] is None), None)


async def test_a_skipped_removal_is_undone_or_confirmed_by_hr(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    hr, operator, offboard = await program("hr"), await program("operator"), Offboard(stack.folder)
    run_id = await start(hr, await leaver())
    run = await until(hr, run_id, planned)
    step = next(one for one in run["steps"] if one["name"] == "suspend_code")

    # At the terminal: skipped by an operator, and taken up again by HR.
    await offboard.done("skip", run_id, "suspend_code", "--reason", "not now", as_="operator")
    first = await kept(hr, run_id)
    assert (first["step"], first["system"], first["owners"]) == ("suspend_code", "code", ["requester"])
    assert first["repairs"] == ["accept", "retry", "settle"]
    inbox = (await offboard.done("inbox", "--json", as_="hr")).json["items"]
    assert first["exception_id"] in [item["id"] for item in inbox if item["run_id"] == run_id]
    words = ("exceptions", "accept", run_id, first["exception_id"], "--reason", "fine")
    assert "Only a requester can do this" in await offboard.refused(*words, as_="operator")
    await offboard.done("retry", run_id, "suspend_code", as_="hr")
    assert await kept(hr, run_id) is None
    run = (await hr.get(f"/runs/{run_id}")).json()
    assert next(one for one in run["steps"] if one["step_id"] == step["step_id"])["status"] == "planned"

    # In the API: skipped again, and undone by an operator.
    path = f"/runs/{run_id}/steps/{step['step_id']}"
    assert (await operator.post(f"{path}/skip", json={"reason": "not now"})).status_code == 200
    second = await kept(hr, run_id)
    assert second["exception_id"] != first["exception_id"]
    accepted = f"/runs/{run_id}/exceptions/{second['exception_id']}/acceptance"
    refused(await operator.post(accepted, json={"reason": "x"}), 403, "role_missing")
    assert (await operator.post(f"{path}/retry", json={})).status_code == 200
    assert (await operator.post(f"{path}/skip", json={"reason": "it stays"})).status_code == 200

    # On the page: an operator can only retry it; HR accepts.
    third = await kept(hr, run_id)
    place = anchor(run_id, third["exception_id"])
    operators = ParsedPage((await (await visit("operator")).get(f"/runs/{run_id}")).text)
    assert operators.has_button("Retry", place) and not operators.has_button("Accept", place)
    browser = await visit("hr")
    shown = html.unescape((await browser.get(f"/runs/{run_id}")).text)
    assert "Access kept open" in shown and "skipped this step, which removes access" in shown
    answer = await press(browser, f"/runs/{run_id}", "Accept", inside=place, fill={"reason": "Agreed"})
    assert "Accepted. The exception is closed." in ParsedPage(answer.text).text
    assert await kept(hr, run_id) is None
    refused(await operator.post(f"{path}/retry", json={}), 409, "nothing_to_retry")


async def test_an_answer_that_no_account_is_the_leavers_is_corrected_or_confirmed_by_hr(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    hr, operator = await program("hr"), await program("operator")
    run_id = await start(hr, await leaver("two_code_accounts"))
    await until(hr, run_id, lambda run: any(x["kind"] == "ambiguous_match" for x in run["exceptions"]))
    path = f"/runs/{run_id}/systems/code/accounts"
    assert (await operator.post(path, json={"accounts": [], "reason": "none"})).status_code == 200
    known = await kept(hr, run_id)
    assert (known["step"], known["system"], len(known["candidates"])) == (None, "code", 2)
    refused(await operator.post(path, json={"accounts": []}), 409, "nothing_to_settle")

    place = anchor(run_id, known["exception_id"])
    page = ParsedPage((await (await visit("hr")).get(f"/runs/{run_id}")).text)
    assert page.has_button("Confirm selected", place) and page.has_button("Accept", place)
    assert not page.has_button("None of these", place)
    for said in ("Justification of the selection", "Justification for accepting"):
        assert page.text.count(said) == 1, "each of the card's two forms has a label of its own"

    one = known["candidates"][0]["account_id"][:12]
    await Offboard(stack.folder).done("exceptions", "settle", run_id, "code", one, as_="hr")
    assert await kept(hr, run_id) is None
    await until(hr, run_id, lambda run: any(step["name"] == "suspend_code" for step in run["steps"]))


async def test_a_selected_account_is_confirmed_by_hr_and_an_urgent_run_removes_nothing_before(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    hr, operator, offboard = await program("hr"), await program("operator"), Offboard(stack.folder)
    person = await leaver("two_code_accounts")
    run_id = await start(hr, person, urgent=True, cutoff=None, zone=None)
    await until(hr, run_id, lambda run: any(x["kind"] == "ambiguous_match" for x in run["exceptions"]))
    question = (await hr.get("/exceptions", params={"run": run_id})).json()["exceptions"]
    [asked] = [one for one in question if one["kind"] == "ambiguous_match"]
    assert asked["not_selected"] == []
    mine, other = [one["account_id"] for one in asked["candidates"]]
    await offboard.done("exceptions", "settle", run_id, "code", mine[:12], as_="operator")
    known = await kept(hr, run_id)
    assert (known["system"], known["not_selected"]) == ("code", [other])

    def suspended(run: Any) -> Any:
        return next((step for step in run["steps"] if step["name"] == "suspend_code"), None)

    # What else is urgent is removed; this account waits, whatever the operator does.
    run = await until(
        hr, run_id, lambda run: any(s["name"] == "lock_directory" and s["status"] == "verified" for s in run["steps"])
    )
    assert suspended(run)["status"] == "planned" and suspended(run)["account"]["account_id"] == mine
    [shown] = [one for one in run["exceptions"] if one["kind"] == "access_kept"]
    assert shown["not_selected"] == [other]
    path = f"/runs/{run_id}/systems/code/accounts"
    refused(await operator.post(path, json={"accounts": [mine]}), 409, "nothing_to_settle")
    accepted = f"/runs/{run_id}/exceptions/{known['exception_id']}/acceptance"
    refused(await operator.post(accepted, json={"reason": "x"}), 403, "role_missing")
    refused(
        await operator.post(f"/runs/{run_id}/steps/{suspended(run)['step_id']}/retry", json={}), 409, "nothing_to_retry"
    )

    # The terminal and the page name the account that was left out.
    lines = (await offboard.done("exceptions", "--run", run_id, as_="hr")).out.splitlines()
    assert [other[:12] in line for line in lines if line.endswith("(not selected)")] == [True]
    place = anchor(run_id, known["exception_id"])
    page = ParsedPage((await (await visit("operator")).get(f"/runs/{run_id}")).text)
    assert page.has_button("Confirm selected", place) and page.has_button("None of these", place)
    assert not page.has_button("Accept", place)
    browser = await visit("hr")
    assert "Not selected:" in (await browser.get(f"/runs/{run_id}")).text
    answer = await press(browser, f"/runs/{run_id}", "Accept", inside=place, fill={"reason": "It is a colleague's"})
    assert "Accepted. The exception is closed." in ParsedPage(answer.text).text
    await until(hr, run_id, lambda run: suspended(run)["status"] == "verified")


async def test_a_removal_that_an_operator_reports_as_done_is_confirmed_by_hr_or_repeated(
    stack: Stack, visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    hr, operator, it, offboard = (
        await program("hr"),
        await program("operator"),
        await program("it"),
        Offboard(stack.folder),
    )
    run_id = await start(hr, await leaver(), cutoff="2026-01-05T18:00")
    run = await until(
        hr, run_id, lambda run: any(s["name"] == "snapshot_code" and s["status"] == "verified" for s in run["steps"])
    )
    # Neither the response to the request nor reading the account back shows whether it took effect.
    await stack.company.break_("code", "error_in_200", path="^/accounts/[^/]+(/sessions)?$")
    for gate in run["gates"]:
        if gate["gate"] == "access":
            path = f"/runs/{run_id}/gates/{gate['gate_id']}/decision"
            assert (await it.post(path, json={"verdict": "approve"})).status_code == 200

    def ending(run: Any) -> Any:
        return next(step for step in run["steps"] if step["name"] == "end_code_sessions")

    def asked(run: Any) -> list[Any]:
        return [t for t in run["tasks"] if t["step"] == "end_code_sessions" and t["state"] == "open"]

    try:
        run = await until(hr, run_id, asked)
        assert ending(run)["status"] == "unknown"
        done = ("tasks", "complete", run_id, asked(run)[0]["task_id"], "--evidence", "Looks ended")
        await offboard.done(*done, as_="operator")
        first = await kept(hr, run_id)
        assert (first["step"], first["system"], first["owners"]) == ("end_code_sessions", "code", ["requester"])
        accepted = f"/runs/{run_id}/exceptions/{first['exception_id']}/acceptance"
        refused(await operator.post(accepted, json={"reason": "x"}), 403, "role_missing")
        # On the page HR orders another attempt, which is unknown again; the operator reports it over the API.
        place, browser = anchor(run_id, first["exception_id"]), await visit("hr")
        assert "reported that it took effect although nothing" in (await browser.get(f"/runs/{run_id}")).text
        await press(browser, f"/runs/{run_id}", "Retry", inside=place)
        run = await until(hr, run_id, lambda run: ending(run)["generation"] == 2 and asked(run))
    finally:
        await stack.company.clear_faults("code")
    path = f"/runs/{run_id}/tasks/{asked(run)[0]['task_id']}/completion"
    assert (await operator.post(path, json={"outcome": "done", "note": "Looks ended"})).status_code == 200
    second = await kept(hr, run_id)
    assert second["exception_id"] != first["exception_id"]
    assert (await operator.post(f"/runs/{run_id}/steps/{second['step_id']}/retry", json={})).status_code == 200
    await until(hr, run_id, lambda run: ending(run)["status"] == "verified")
    assert await kept(hr, run_id) is None
