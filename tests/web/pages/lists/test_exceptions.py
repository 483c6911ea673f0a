"""Exceptions through their own forms: settled, accepted, tried again, left out, planned again."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.embedded.stack import Stack
from orchestrator.web.pages.run.cards import anchor
from tests.cli.command_line import StartRun
from tests.web.api.running import FUTURE, until
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage, press


def open_one(run: Any, kind: str) -> Any:
    return next((one for one in run["exceptions"] if one["kind"] == kind and one["state"] == "open"), None)


async def exception_of(program: Program, run_id: str, kind: str) -> Any:
    auditor = await program("auditor")
    return open_one(await until(auditor, run_id, lambda run: open_one(run, kind) is not None), kind)


async def closed(program: Program, run_id: str, exception_id: str) -> Any:
    auditor = await program("auditor")

    def found(run: Any) -> Any:
        return next(one for one in run["exceptions"] if one["exception_id"] == exception_id)

    return found(await until(auditor, run_id, lambda run: found(run)["state"] == "closed"))


async def test_a_person_says_which_of_two_accounts_is_theirs(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short("two_code_accounts")
    exception = await exception_of(program, run_id, "ambiguous_match")
    place, operator = anchor(run_id, exception["exception_id"]), await visit("operator")
    one = exception["candidates"][0]["account_id"]

    neither = await press(operator, "/exceptions?kind=ambiguous_match", "Confirm selected", inside=place)
    both = await press(operator, "/exceptions?kind=ambiguous_match", "None of these", inside=place, tick=[one])
    assert (neither.status_code, both.status_code) == (422, 422)
    assert "No account was selected" in ParsedPage(neither.text).text
    assert "also “None of these”" in ParsedPage(both.text).text

    answer = await press(
        operator,
        "/exceptions?kind=ambiguous_match",
        "Confirm selected",
        inside=place,
        tick=[one],
        fill={"reason": "Their manager says so"},
    )

    assert "Code hosting: account match confirmed." in ParsedPage(answer.text).text
    assert answer.url.path == "/exceptions"
    settled = await closed(program, run_id, exception["exception_id"])
    assert (settled["disposition"], settled["by"]) == ("settled", "operator")
    again = await operator.submit(f"/runs/{run_id}/settle", {"system": "code", "account": one, "back": "/exceptions"})
    assert again.status_code == 409


async def test_none_of_the_accounts_is_an_answer_too(visit: Visit, started_short: StartRun, program: Program) -> None:
    run_id = await started_short("two_code_accounts")
    exception = await exception_of(program, run_id, "ambiguous_match")
    place = anchor(run_id, exception["exception_id"])

    answer = await press(await visit("operator"), f"/runs/{run_id}", "None of these", inside=place)

    assert "Code hosting: no account of this person." in ParsedPage(answer.text).text
    assert (await closed(program, run_id, exception["exception_id"]))["disposition"] == "settled"


async def test_an_urgent_start_is_reviewed_by_someone_else_with_words(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"urgent": True, "cutoff": None, "zone": None})
    review = await exception_of(program, run_id, "urgent_review")
    place, owner = anchor(run_id, review["exception_id"]), await visit("safety-owner")

    silent = await press(owner, "/", "Accept", inside=place)
    assert silent.status_code == 422
    answer = await press(owner, "/", "Accept", inside=place, fill={"reason": "Seen: sessions were cut"})

    assert "Accepted. The exception is closed." in ParsedPage(answer.text).text
    assert (await closed(program, run_id, review["exception_id"]))["disposition"] == "accepted"
    late = await owner.submit(
        f"/runs/{run_id}/accept", {"exception": review["exception_id"], "reason": "again", "back": "/"}
    )
    assert late.status_code == 409
    assert "This exception is already closed: accepted, by Ysolinde Karpatenau." in ParsedPage(late.text).text


async def test_a_step_that_failed_is_tried_again_or_left_out(
    stack: Stack, visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    await stack.company.break_("identity", "error_in_200", method="PATCH", times=2)
    it, operator = await visit("it"), await visit("operator")
    await press(it, f"/runs/{run_id}", "Approve all", inside=anchor(run_id, "g-access-1"))
    failed = await exception_of(program, run_id, "step_failed")
    place = anchor(run_id, failed["exception_id"])

    again = await press(operator, f"/runs/{run_id}", "Retry", inside=place)
    assert "retrying now." in ParsedPage(again.text).text
    assert (await closed(program, run_id, failed["exception_id"]))["disposition"] == "retried"

    failed = await exception_of(program, run_id, "step_failed")
    place = anchor(run_id, failed["exception_id"])
    left_out = await press(
        operator, "/exceptions?kind=step_failed", "Skip step", inside=place, fill={"reason": "Done by hand"}
    )
    assert "skipped. Steps that depend on it continue." in ParsedPage(left_out.text).text
    step = next(
        step
        for step in (await (await program("auditor")).get(f"/runs/{run_id}")).json()["steps"]
        if step["step_id"] == failed["step_id"]
    )
    assert step["status"] == "skipped"


async def test_after_a_rejection_the_run_is_planned_again_from_the_exception(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    it = await visit("it")
    await press(it, f"/runs/{run_id}", "Reject", inside=anchor(run_id, "g-access-1"), fill={"reason": "Not yet"})
    rejected = await exception_of(program, run_id, "gate_rejected")

    place = anchor(run_id, rejected["exception_id"])
    operators = ParsedPage((await (await visit("operator")).get(f"/runs/{run_id}")).text)
    assert not operators.has_button("Re-plan", place), "an operator alone takes no rejection back"
    answer = await press(it, f"/runs/{run_id}", "Re-plan", inside=place, fill={"reason": "Ready now"})

    assert "being re-planned" in ParsedPage(answer.text).text
    assert (await closed(program, run_id, rejected["exception_id"]))["disposition"] == "replanned"


async def test_a_rejection_is_made_final_by_skipping_all_its_steps_at_once(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    it, gate_place = await visit("it"), anchor(run_id, "g-access-1")
    await press(it, f"/runs/{run_id}", "Reject", inside=gate_place, fill={"reason": "They stay"})
    rejected = await exception_of(program, run_id, "gate_rejected")
    auditor = await program("auditor")
    run = (await auditor.get(f"/runs/{run_id}")).json()
    [gate] = [gate for gate in run["gates"] if gate["gate_id"] == "g-access-1"]
    of_gate = {step["name"] for step in gate["steps"]}
    assert len(of_gate) > 1

    operator, place = await visit("operator"), anchor(run_id, rejected["exception_id"])
    label = f"Skip all {len(of_gate)} steps"
    refused = await press(operator, f"/runs/{run_id}", label, inside=place, fill={"reason": " "})
    assert refused.status_code == 422, "no step is skipped without a reason"
    steps = (await auditor.get(f"/runs/{run_id}")).json()["steps"]
    assert "skipped" not in {step["status"] for step in steps}
    answer = await press(
        operator, "/exceptions?kind=gate_rejected", label, inside=place, fill={"reason": "Not leaving"}
    )
    assert f"{len(of_gate)} steps: skipped." in ParsedPage(answer.text).text
    steps = (await auditor.get(f"/runs/{run_id}")).json()["steps"]
    assert {step["name"] for step in steps if step["status"] == "skipped"} == of_gate
    assert (await closed(program, run_id, rejected["exception_id"]))["disposition"] == "overcome"


async def test_the_list_is_narrowed_by_standing_owner_and_kind(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short("two_code_accounts")
    exception = await exception_of(program, run_id, "ambiguous_match")
    place, auditor = anchor(run_id, exception["exception_id"]), await visit("auditor")

    shown = {
        query: place in (await auditor.get(f"/exceptions?{query}")).text
        for query in (
            "",
            "standing=all",
            "standing=closed",
            "standing=overdue",
            "owner=operator",
            "owner=safety_owner",
            "kind=ambiguous_match",
            "kind=step_failed",
            "system=code",
            "system=mail",
        )
    }

    assert [query for query, there in shown.items() if there] == [
        "",
        "standing=all",
        "owner=operator",
        "kind=ambiguous_match",
        "system=code",
    ]
    assert not ParsedPage((await auditor.get("/exceptions")).text).has_button("Confirm selected", place)
    by_hand = await press(auditor, "/exceptions", "Apply", fill={"kind": "weak_match"})
    assert place not in by_hand.text
    assert by_hand.url.params["kind"] == "weak_match"


async def test_exceptions_that_hr_owns_are_found_by_their_owner(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"cutoff": FUTURE})
    await press(await visit("operator"), f"/runs/{run_id}", "Pause")
    exception = await exception_of(program, run_id, "pause_unconfirmed")
    place, auditor = anchor(run_id, exception["exception_id"]), await visit("auditor")

    found = {owner: await auditor.get(f"/exceptions?owner={owner}") for owner in ("requester", "value_owner")}

    assert [owner for owner, page in found.items() if place in page.text] == ["requester"]
    assert {page.status_code for page in found.values()} == {200}
    assert 'value="requester" selected' in found["requester"].text


async def test_closed_exceptions_say_what_became_of_them_and_by_whom(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short("two_code_accounts")
    exception = await exception_of(program, run_id, "ambiguous_match")
    place = anchor(run_id, exception["exception_id"])
    await press(await visit("operator"), f"/runs/{run_id}", "None of these", inside=place)

    text = (await (await visit("auditor")).get("/exceptions?standing=closed")).text

    row = text[text.index(f'id="{place}"') :]
    row = row[: row.index("</tr>")]
    assert "Account match resolved" in row
    assert "by Radomirko Flensterby" in row
    assert re.search(r"\d+ (s|min)", row)
