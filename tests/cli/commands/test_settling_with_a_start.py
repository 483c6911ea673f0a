"""Whose account it is, said with `start`."""

from __future__ import annotations

from orchestrator.embedded.company.people import Employee
from tests.cli.command_line import NewLeaver, Offboard, until

WHEN = ("--cutoff", "2027-06-30T17:00", "--zone", "Europe/Berlin")


async def labels(offboard: Offboard, person: Employee) -> list[str]:
    """What the accounts on the code hosting are called that could be theirs."""
    found = await offboard.done("start", person.employee_number, *WHEN, "--preview", "--json", as_="operator")
    [question] = found.json["questions"]
    return [one["label"] for one in question["candidates"]]


async def test_a_start_says_which_accounts_are_theirs_and_which_are_not(offboard: Offboard, leaver: NewLeaver) -> None:
    person = await leaver("two_code_accounts")
    mine, other = await labels(offboard, person)
    shown = (await offboard.done("start", person.employee_number, *WHEN, "--preview", as_="operator")).out
    assert "--theirs code=ACCOUNT" in shown and mine in shown
    assert (
        "--theirs code" not in (await offboard.done("start", person.employee_number, *WHEN, "--preview", as_="hr")).out
    ), "who may not settle it is offered nothing"
    settled = ("--theirs", f"code={mine}", "--not-theirs", f"code={other}", "--reason", "Their lead says so.")
    refused = await offboard.refused("start", person.employee_number, *WHEN, *settled, as_="hr")
    assert "Only an operator can do this." in refused
    started = (await offboard.done("start", person.employee_number, *WHEN, *settled, as_="operator")).out
    assert "1 account confirmed if the search finds the same accounts." in started
    run_id = started.split()[1]
    run = await until(offboard, run_id, lambda run: run["steps"])
    assert [one["kind"] for one in run["exceptions"]] == ["access_kept"]
    assert {step["account"]["label"] for step in run["steps"] if step["system"] == "code"} == {mine}
    told = (await offboard.done("show", run_id, "--events", as_="auditor")).out
    assert "MatchSettledBeforehand" in told


async def test_what_does_not_answer_the_whole_question_starts_nothing(offboard: Offboard, leaver: NewLeaver) -> None:
    person = await leaver("two_code_accounts")
    mine, other = await labels(offboard, person)
    for settled, said in (
        (("--theirs", f"code={mine}"), f"System code shows {other} as well"),
        (("--theirs", f"code={mine}", "--not-theirs", "code=nobody"), "is not one of the accounts of code"),
        (("--theirs", f"code={mine}", "--not-theirs", f"code={mine}"), f"System code shows {other} as well"),
        (("--theirs", "identity=x"), "System identity has no open question about accounts"),
        (("--theirs", "code"), "is not an account on a system"),
        (("--theirs", f"code={mine}", "--theirs", f"code={other}", "--not-theirs", f"code={mine}"), "given twice"),
    ):
        refused = " ".join(
            (await offboard.refused("start", person.employee_number, *WHEN, *settled, as_="operator")).split()
        )
        assert said in refused, refused
    wrong = await offboard("start", person.employee_number, *WHEN, "--theirs", f"code={mine}", "--preview", as_="hr")
    assert wrong.code == 2
    assert person.employee_number not in (await offboard.done("runs", "--json", "--limit", "500", as_="hr")).out
