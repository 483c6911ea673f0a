"""The inbox through its own forms: what a decision, a task's answer or a refusal comes to, and what is said of it."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

from orchestrator import commands
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from orchestrator.web.pages.run.cards import anchor
from tests.cli.command_line import StartRun
from tests.web.api.running import gate_of, until
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage, page_with, press


def access(run_id: str) -> str:
    """The place of a run's gate over access."""
    return anchor(run_id, "g-access-1")


async def run_of(program: Program, run_id: str) -> Any:
    return (await (await program("auditor")).get(f"/runs/{run_id}")).json()


async def test_a_gate_is_approved_on_the_page_and_said_once(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    it = await visit("it")

    answer = await press(it, "/", "Approve all", inside=access(run_id))

    assert answer.status_code == 200
    assert answer.history[0].status_code == 303
    assert "Approved: Remove access, for Miravelda" in ParsedPage(answer.text).text
    gate = gate_of(await run_of(program, run_id), "access")
    assert (gate["state"], [vote["by"] for vote in gate["votes"]]) == ("approved", ["it"])
    again = await it.get("/")
    assert "Approved: Remove access" not in again.text
    assert access(run_id) not in again.text


async def test_only_ticked_steps_are_approved_and_the_page_names_what_an_exclusion_blocks(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    steps = gate_of(await run_of(program, run_id), "access")["steps"]
    it = await visit("it")

    card = _card((await it.get("/")).text, access(run_id))
    for step in steps:
        assert f'value="{step["step_id"]}" checked' in card
        assert not step["blocks"] or f"These steps do not run either: {', '.join(step['blocks'])}." in card
    assert any(step["blocks"] for step in steps)

    nothing = await press(
        it, "/", "Approve ticked steps", inside=access(run_id), tick=[step["step_id"] for step in steps]
    )
    assert nothing.status_code == 422 and "No step is ticked." in ParsedPage(nothing.text).text
    assert gate_of(await run_of(program, run_id), "access")["state"] == "open"
    unticked = {"tick": [steps[0]["step_id"]], "fill": {"reason": "They keep it for a week"}}
    answer = await press(it, "/", "Approve ticked steps", inside=access(run_id), **unticked)

    assert "excluding 1 step" in ParsedPage(answer.text).text
    gate = gate_of(await run_of(program, run_id), "access")
    assert [step["step_id"] for step in gate["steps"] if step["excluded"]] == [steps[0]["step_id"]]
    assert gate["votes"][0]["reason"] == "They keep it for a week"


async def test_a_page_of_an_earlier_version_still_names_the_steps_to_exclude(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    gate = gate_of(await run_of(program, run_id), "access")
    it = await visit("it")
    form = {"verdict": "approve", "exclude": gate["steps"][0]["step_id"]}
    await it.submit(f"/runs/{run_id}/gates/{gate['gate_id']}", form)
    gate = gate_of(await run_of(program, run_id), "access")
    assert [step["excluded"] for step in gate["steps"]].count(True) == 1 and gate["state"] == "approved"


async def test_a_card_shows_what_the_accounts_can_do_and_who_can_decide(
    visit: Visit, started: StartRun, program: Program
) -> None:
    run_id = await started("admin", asked={"reason": "Their contract ends."})

    def recorded(run: Any) -> bool:
        """Of each of the four systems, and all gates are open."""
        reads = [step["status"] for step in run["steps"] if step["level"] == "read"]
        asked = [one for one in run["gates"] if one["gate"] == "money" and one["state"] == "open"]
        paid = [fact["name"] for one in asked for account in one["access"] for fact in account["facts"]]
        return len(reads) >= 4 and set(reads) == {"verified"} and len(run["gates"]) >= 3 and "balance" in paid

    run = await until(await program("hr"), run_id, recorded)
    opened = [one for one in run["gates"] if one["gate"] == "access" and one["state"] == "open"]
    facts = {(one["system"], fact["name"]): fact for at in opened for one in at["access"] for fact in one["facts"]}
    assert {"everyone", "global-admins"} <= set(facts["identity", "groups"]["values"])
    assert facts["code", "admin"]["privileged"] and facts["code", "tokens"]["count"] >= 1
    # Where a system answered late, its steps are at a gate of their own.
    gates = [one for one in run["gates"] if one["gate"] == "money" and one["state"] == "open"]
    accounts = [one for gate in gates for one in gate["access"]]
    [balance] = {fact["amount"] for one in accounts for fact in one["facts"] if fact["name"] == "balance"}
    assert balance == facts["cards", "balance"]["amount"] and re.fullmatch(r"\d+\.\d\d", balance)
    # Other tests of the stack may have given the role to another account.
    assert "it" in opened[0]["can_decide"] and "finance" not in opened[0]["can_decide"]
    assert gates[0]["can_decide"] == ["finance"]

    it, finance = await visit("it"), await visit("finance")
    card = ParsedPage((await it.get(f"/runs/{run_id}")).text).text
    assert "Administrator" in card and "Groups: " in card and "global-admins" in card
    assert "Requested by" in card and "“Their contract ends.” " in card and run["person"]["department"] in card
    assert f"Balance: {balance}" in ParsedPage((await finance.get(f"/runs/{run_id}")).text).text


def _card(page: str, anchor: str) -> str:
    begin = page.index(f'id="{anchor}"')
    return page[begin : page.index('<li class="card', begin + 10) if '<li class="card' in page[begin + 10 :] else None]


async def test_a_rejection_needs_a_reason_and_opens_an_exception(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    it = await visit("it")

    refused = await press(it, "/", "Reject", inside=access(run_id))
    assert refused.status_code == 422
    assert "A rejection needs a reason" in ParsedPage(refused.text).text
    assert gate_of(await run_of(program, run_id), "access")["state"] == "open"

    shown = html.unescape((await it.get(f"/runs/{run_id}")).text)
    person = (await run_of(program, run_id))["person"]
    assert "Requested by" in shown and f"{person['department']}.</p>" in shown
    assert "These steps do not run either: Revoke personal access tokens in code hosting" in shown
    answer = await press(it, "/", "Reject", inside=access(run_id), fill={"reason": "Not this one"})
    rejected = html.unescape((await (await visit("operator")).get(f"/runs/{run_id}")).text)
    assert "Rejected by" in rejected and "“Not this one”.</p>" in rejected
    assert "Rejected: Remove access" in ParsedPage(answer.text).text
    run = await run_of(program, run_id)
    assert gate_of(run, "access")["state"] == "rejected"
    assert any(one["kind"] == "gate_rejected" for one in run["exceptions"])


async def test_a_second_decider_gets_the_outcome(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short()
    it = await visit("it")
    fields = {"verdict": "approve", "back": "/"}
    first = await it.submit(f"/runs/{run_id}/gates/g-access-1", fields)
    assert first.status_code == 200

    second = await it.submit(f"/runs/{run_id}/gates/g-access-1", fields)

    assert second.status_code == 409
    said = ParsedPage(second.text).text
    assert re.search(r"Remove access was approved at .* by Wendelgard Oxtomiro\.", said), said[:2000]


async def test_at_a_gate_of_two_the_first_hears_that_one_more_is_needed(
    stack: Stack, two_approve: str, visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short(asked={"packet": two_approve})
    it = await visit("it")

    answer = await press(it, "/", "Approve all", inside=access(run_id))
    assert "1 of 2 approvals: one more is needed" in ParsedPage(answer.text).text
    again = await it.submit(f"/runs/{run_id}/gates/g-access-1", {"verdict": "approve", "back": "/"})
    assert "You have already made this decision" in ParsedPage(again.text).text
    assert access(run_id) not in again.text
    assert "1 of 2 approvals" in ParsedPage((await it.get(f"/runs/{run_id}")).text).text

    colleague = Actor(actor_id="it-2", roles=frozenset({"it_approver"}), human=await _a_person(stack))
    await commands.record_actor(stack.services, colleague)
    await commands.approve_gate(stack.services, colleague, run_id, "g-access-1")
    assert gate_of(await run_of(program, run_id), "access")["state"] == "approved"


async def test_several_gates_are_approved_at_once_each_for_itself(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    one, other, third = [await started_short() for _ in range(3)]
    it = await visit("it")
    await it.submit(f"/runs/{third}/gates/g-access-1", {"verdict": "reject", "reason": "No", "back": "/"})

    answer = await it.submit("/decisions", {"gate": [f"{run}/g-access-1" for run in (one, other, third)], "back": "/"})

    said = ParsedPage(answer.text).text
    assert said.count("Approved: Remove access") == 2
    assert "was rejected at" in said
    for run_id in (one, other):
        gate = gate_of(await run_of(program, run_id), "access")
        assert (gate["state"], len(gate["votes"])) == ("approved", 1)


async def test_the_selection_on_the_page_is_the_one_that_is_sent(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    one, other = await started_short(), await started_short()
    it = await visit("it")

    nothing = await press(it, "/?kind=gate", "Approve selected")
    assert nothing.status_code == 422
    text = await page_with(it, "/?kind=gate", access(one))
    assert f'value="{one}/g-access-1" form="together"' in text
    fields = {"gate": f"{one}/g-access-1", "back": "/?kind=gate"}
    await it.submit("/decisions", fields)

    assert gate_of(await run_of(program, one), "access")["state"] == "approved"
    assert gate_of(await run_of(program, other), "access")["state"] == "open"


async def test_a_task_is_answered_with_a_note_and_files_that_can_be_had_again(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    run = await until(await program("auditor"), run_id, lambda run: any(t["state"] == "open" for t in run["tasks"]))
    task = next(task for task in run["tasks"] if task["state"] == "open")
    operator = await visit("operator")

    answer = await press(
        operator,
        f"/runs/{run_id}",
        "Mark as done",
        inside=anchor(run_id, task["task_id"]),
        fill={"note": "Badge is in the safe"},
        files=[("Quittung Ü.pdf", b"%PDF-1.7 receipt")],
    )

    assert "done. One file was attached." in ParsedPage(answer.text).text
    stored = re.search(rf"/runs/{run_id}/files/([0-9a-f]{{64}})", (await operator.get(f"/runs/{run_id}")).text)
    assert stored is not None
    saved = await operator.get(stored[0])
    assert saved.content == b"%PDF-1.7 receipt"
    assert saved.headers["content-disposition"].startswith("attachment;")
    assert "Quittung%20%C3%9C.pdf" in saved.headers["content-disposition"]
    assert saved.headers["content-type"] == "application/pdf"
    assert saved.headers["x-content-type-options"] == "nosniff"
    other = await started_short()
    assert (await operator.get(f"/runs/{other}/files/{stored[1]}")).status_code == 404
    too_late = await operator.submit(f"/runs/{run_id}/tasks/{task['task_id']}", {"outcome": "done", "note": "again"})
    assert too_late.status_code == 409
    assert "already been completed by Radomirko Flensterby" in ParsedPage(too_late.text).text


async def test_a_task_that_wants_evidence_is_refused_without(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    run = await until(await program("auditor"), run_id, lambda run: any(t["state"] == "open" for t in run["tasks"]))
    task = next(task for task in run["tasks"] if task["state"] == "open")
    operator = await visit("operator")

    answer = await press(operator, f"/runs/{run_id}", "Mark as done", inside=anchor(run_id, task["task_id"]))

    assert answer.status_code == 422
    assert "Add a note or attach a file." in ParsedPage(answer.text).text
    place = anchor(run_id, task["task_id"])
    assert re.search(rf'role="alert".*<a href="#{place}">[^<]+</a>: Evidence is required', answer.text, re.DOTALL)
    assert f'data-form-place="/runs/{run_id}#{place}"' in answer.text
    assert not any(t["state"] == "done" for t in (await run_of(program, run_id))["tasks"])


async def test_that_a_task_was_not_done_is_refused_without_a_reason_and_what_was_typed_stays(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    run = await until(await program("auditor"), run_id, lambda run: any(t["state"] == "open" for t in run["tasks"]))
    task = next(task for task in run["tasks"] if task["state"] == "open")
    operator, place = await visit("operator"), anchor(run_id, task["task_id"])
    assert "If it can't be done, give the reason." in ParsedPage(await page_with(operator, "/", place)).text

    for path in ("/", f"/runs/{run_id}"):
        silent = await press(operator, path, "Can't be done", inside=place)
        assert silent.status_code == 422
        assert "A reason is required if the task was not done." in ParsedPage(silent.text).text
        assert f'id="{place}-note-error"' in silent.text and f'id="{place}-answer" open' in silent.text
    too_large = await press(
        operator,
        f"/runs/{run_id}",
        "Can't be done",
        inside=place,
        fill={"note": "Lost on the way"},
        files=[("list.pdf", b"%PDF-1.7" + bytes(10 * 1024 * 1024))],
    )
    assert too_large.status_code == 422 and ">Lost on the way</textarea>" in too_large.text
    assert (
        next(t for t in (await run_of(program, run_id))["tasks"] if t["task_id"] == task["task_id"])["state"] == "open"
    )

    said = await press(
        operator, f"/runs/{run_id}", "Can't be done", inside=place, fill={"note": "It was never handed out"}
    )
    assert said.status_code == 200 and "not done." in ParsedPage(said.text).text


async def test_what_waits_for_others_is_shown_on_the_other_list_without_their_buttons(
    visit: Visit, started_short: StartRun
) -> None:
    run_id = await started_short()
    finance = await visit("finance")

    mine = await page_with(finance, "/", anchor(run_id, "g-money-1"))
    not_mine = await page_with(finance, "/", access(run_id))
    all_of_it = await page_with(finance, "/?show=all", access(run_id))

    assert anchor(run_id, "g-money-1") in mine
    assert access(run_id) not in not_mine
    card = all_of_it[all_of_it.index(f'id="{access(run_id)}"') :]
    assert not ParsedPage(all_of_it).has_button("Approve", access(run_id))
    said = ParsedPage(card[: card.index("</form>") if "</form>" in card else None]).text
    # Other tests of the stack may have given the role to other accounts.
    can = re.search(r"[^.]* can approve\.", said)
    assert can is not None and "Wendelgard Oxtomiro" in can[0], said[:600]


async def test_a_form_from_elsewhere_decides_nothing(visit: Visit, started_short: StartRun, program: Program) -> None:
    run_id = await started_short()
    it = await visit("it")
    action = f"/runs/{run_id}/gates/g-access-1"

    without = await it.post(action, data={"verdict": "approve"})
    guessed = await it.post(action, data={"verdict": "approve", "csrf": "x" * 43})
    foreign = await it.post(
        action, data={"verdict": "approve", "csrf": await it.csrf()}, headers={"origin": "https://elsewhere.example"}
    )

    assert [answer.status_code for answer in (without, guessed, foreign)] == [403, 403, 403]
    assert gate_of(await run_of(program, run_id), "access")["state"] == "open"


async def test_an_account_that_may_not_decide_is_refused_though_it_knows_the_address(
    visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    for alias in ("hr", "auditor", "finance", "operator"):
        visitor = await visit(alias)
        answer = await visitor.submit(f"/runs/{run_id}/gates/g-access-1", {"verdict": "approve"})
        assert answer.status_code == 403, (alias, answer.status_code)
    assert gate_of(await run_of(program, run_id), "access")["state"] == "open"


async def test_names_are_words_and_never_markup(visit: Visit, started_short: StartRun) -> None:
    run_id = await started_short(
        given_name="<script>alert(1)</script>", family_name="O'\"&amp;Neil", email="evil@w.example"
    )
    for alias, path in (("it", "/"), ("it", f"/runs/{run_id}"), ("auditor", "/runs"), ("operator", "/exceptions")):
        answer = await (await visit(alias)).get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
    it = await visit("it")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in (await it.get(f"/runs/{run_id}")).text
    told = await press(it, "/", "Approve all", inside=access(run_id))
    assert "<script>alert" not in told.text


async def test_an_empty_inbox_says_what_to_do_next(visit: Visit) -> None:
    auditor = await visit("auditor")
    answer = await auditor.get("/")
    assert "You're all caught up" in html.unescape(answer.text)
    assert 'href="/runs?state=open"' in answer.text


async def _a_person(stack: Stack) -> str:
    """The opaque id of someone who is not among the staff."""
    person = await stack.services.keyring.person_for("hr", "a colleague of it's")
    assert person is not None
    return person


async def test_what_is_decided_for_a_colleague_is_marked_with_their_name(
    stack: Stack, visit: Visit, started_short: StartRun, program: Program
) -> None:
    run_id = await started_short()
    known = (await stack.services.runs.organisation()).actors
    now = await stack.services.runs.ledger.now()
    given = await commands.delegate(stack.services, known["it"], "operator", None, now + timedelta(hours=1))
    operator = await visit("operator")
    try:
        shown = await operator.get(f"/runs/{run_id}")
        card = shown.text[shown.text.index(f'id="{access(run_id)}"') :]
        assert "for Wendelgard Oxtomiro" in ParsedPage(card[: card.index("</li>")]).text
        await press(operator, f"/runs/{run_id}", "Approve all", inside=access(run_id))
    finally:
        await commands.end_delegation(stack.services, known["it"], given)

    gate = gate_of(await run_of(program, run_id), "access")
    assert (gate["state"], gate["votes"][0]["by"]) == ("approved", "operator")
    told = ParsedPage((await operator.get(f"/runs/{run_id}")).text).text
    assert "by Radomirko Flensterby for Wendelgard Oxtomiro" in told
