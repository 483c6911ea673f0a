"""Whose account it is, answered with the start of a run: what a preview gives, and what the start takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from orchestrator.embedded.company.people import Employee
from tests.web.api.running import Leavers, planned, refused, start, until, wanted
from tests.web.conftest import Program

TWO = "two_code_accounts"


async def question(client: httpx.AsyncClient, person: Employee, **more: Any) -> Any:
    """What a preview asks about this person."""
    looked = await client.post("/previews", json=wanted(person, **more))
    assert looked.status_code == 200, looked.text
    [asked] = looked.json()["questions"]
    return asked


def answer(asked: Any, *accounts: str, reason: str | None = None) -> dict[str, Any]:
    return {"question": asked["handle"], "accounts": list(accounts), "reason": reason}


async def test_a_start_settles_what_its_preview_asked_and_the_run_says_who_said_so(
    program: Program, leaver: Leavers
) -> None:
    operator, person = await program("operator"), await leaver(TWO)
    asked = await question(operator, person)
    assert asked["why_not"] is None and "operator" in asked["settled_by"] and len(asked["candidates"]) == 2
    theirs = asked["candidates"][1]
    given = answer(asked, theirs["account_id"], reason="Seen on their screen.")
    run = await until(operator, await start(operator, person, answers=[given]), planned)
    [kept] = run["exceptions"]
    assert (kept["kind"], len(kept["not_selected"])) == ("access_kept", 1), "HR confirms the account that is not theirs"
    [code] = [one for one in run["systems"] if one["system"] == "code"]
    assert (code["outcome"], code["settled"]) == ("ambiguous", True)
    assert [one["label"] for one in code["accounts"]] == [theirs["label"]]
    events = (await operator.get(f"/runs/{run['run_id']}/events")).json()["events"]
    before, after = (one for one in events if one["type"].startswith("MatchSettled"))
    assert (before["type"], before["version"]) == ("MatchSettledBeforehand", 2)
    assert (before["data"]["by"], before["data"]["reason"]) == ("operator", "Seen on their screen.")
    assert after["data"]["beforehand"] and after["data"]["accounts"] == before["data"]["accounts"]
    found = (await operator.get("/ledger/history", params={"run": run["run_id"], "system": "code"})).text
    assert "MatchSettledBeforehand" in found


async def test_an_answer_to_other_candidates_than_the_search_finds_is_an_exception_as_ever(
    program: Program, leaver: Leavers
) -> None:
    operator, person = await program("operator"), await leaver(TWO)
    asked = await question(operator, person)
    await leaver("code_under_former_email", former_emails=(person.email,))
    run = await until(operator, await start(operator, person, answers=[answer(asked)]), planned)
    [exception] = run["exceptions"]
    assert (exception["kind"], len(exception["candidates"])) == ("ambiguous_match", 3)


async def test_an_account_that_may_not_settle_is_refused_by_the_domain_and_nothing_is_started(
    program: Program, leaver: Leavers
) -> None:
    hr, person = await program("hr"), await leaver(TWO)
    asked = await question(hr, person)
    assert asked["why_not"] == "Only an operator can do this."
    given = [answer(asked, asked["candidates"][0]["account_id"])]
    before = refused(await hr.post("/runs", json=wanted(person, answers=given)), 403, "role_missing")
    assert person.employee_number not in (await hr.get("/runs", params={"limit": 500})).text
    run_id = await start(hr, person)
    await until(hr, run_id, lambda run: run["exceptions"])
    within = refused(await hr.post(f"/runs/{run_id}/systems/code/accounts", json={"accounts": []}), 403, "role_missing")
    assert (before["detail"], before["remedy"]) == (within["detail"], within["remedy"])


async def test_only_what_a_preview_showed_this_very_person_is_taken_for_an_answer(
    program: Program, leaver: Leavers
) -> None:
    operator, officer = await program("operator"), await program("safety-owner")
    person, other = await leaver(TWO), await leaver(TWO)
    asked, of_another = await question(operator, person), await question(operator, other)

    async def no(status: int, code: str, *answers: dict[str, Any]) -> Any:
        return refused(await operator.post("/runs", json=wanted(person, answers=list(answers))), status, code)

    stranger = await no(422, "not_a_candidate", answer(asked, "f" * 32))
    assert "code" in stranger["detail"] and person.email not in stranger["detail"]
    elsewhere = of_another["candidates"][0]["account_id"]
    await no(422, "not_a_candidate", answer(asked, elsewhere))
    await no(422, "shown_for_another", answer(of_another, elsewhere))
    await no(422, "settled_twice", answer(asked), answer(asked))
    await no(422, "unknown_question", {**answer(asked), "question": asked["handle"][:-8] + "AAAAAAA="})
    await no(422, "unknown_question", {**answer(asked), "question": "nonsense"})
    given = [answer(asked)]
    refused(await officer.post("/runs", json=wanted(person, answers=given)), 422, "unknown_question")
    assert person.employee_number not in (await operator.get("/runs", params={"limit": 500})).text


async def test_what_is_certain_is_no_question_and_what_no_one_answers_is_asked(
    program: Program, leaver: Leavers
) -> None:
    operator, person = await program("operator"), await leaver()
    assert (await operator.post("/previews", json=wanted(person))).json()["questions"] == []
    open_one = await leaver(TWO)
    await question(operator, open_one)
    run = await until(operator, await start(operator, open_one), planned)
    assert [one["kind"] for one in run["exceptions"]] == ["ambiguous_match"]


async def test_in_an_operators_absence_a_colleague_settles_for_them_before_the_start(
    program: Program, leaver: Leavers
) -> None:
    operator, officer, person = await program("operator"), await program("safety-owner"), await leaver(TWO)
    until_then = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    away = await operator.post("/delegations", json={"to": "safety-owner", "until": until_then})
    assert away.status_code in (200, 201), away.text
    try:
        asked = await question(officer, person)
        assert asked["why_not"] is None
        run_id = await start(officer, person, answers=[answer(asked)])
        run = await until(officer, run_id, planned)
    finally:
        await operator.post(f"/delegations/{away.json()['delegation_id']}/end")
    assert [one["kind"] for one in run["exceptions"]] == ["access_kept"], "HR confirms that no account is theirs"
    events = (await officer.get(f"/runs/{run_id}/events")).json()["events"]
    said = next(one for one in events if one["type"] == "MatchSettledBeforehand")["data"]
    assert (said["by"], said["on_behalf_of"]) == ("safety-owner", "operator")
    # Once it is over, what they looked at while it lasted gives them nothing.
    later = await leaver(TWO)
    again = await question(officer, later)
    refused(await officer.post("/runs", json=wanted(later, answers=[answer(again)])), 403, "role_missing")
