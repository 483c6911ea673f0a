"""Runs that only some may see, and decisions that a colleague takes for a time, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from orchestrator import commands
from orchestrator.domain.permissions.levels import Level
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.tokens import Tokens
from tests.cli.command_line import NewLeaver, Offboard, StartRun, until

CUTOFF = ("--cutoff", "2027-01-15T18:00", "--zone", "Europe/Berlin")


def from_now(**length: float) -> str:
    return (datetime.now(UTC) + timedelta(**length)).isoformat(timespec="seconds")


async def test_an_embargoed_start_is_seen_by_those_named_until_it_ends(offboard: Offboard, leaver: NewLeaver) -> None:
    person = await leaver()
    named = [word for one in ("it", "finance", "operator", "value-owner") for word in ("--named", one)]
    embargo = ("--embargo-until", from_now(days=2), *named)
    few = await offboard.refused("start", person.employee_number, *CUTOFF, *embargo[:4], as_="hr")
    assert "cannot complete the run" in few and "Add more people" in few
    shown = await offboard.done("start", person.employee_number, *CUTOFF, *embargo, "--preview", as_="hr")
    assert "No run is started" in shown.out
    said = await offboard.done("start", person.employee_number, *CUTOFF, *embargo, "--reason", "quietly", as_="hr")
    run_id = said.out.split()[1]
    assert (await offboard.done("show", run_id, "--json", as_="value-owner")).json["embargo"]["named"]
    same = await offboard.refused("show", "r000000000000dead", as_="auditor")
    hidden = await offboard.refused("show", run_id, as_="auditor")
    assert hidden == same.replace("r000000000000dead", run_id)
    again = await offboard("start", person.employee_number, *CUTOFF, as_="hr")
    assert again.code == 1 and run_id in again.err, "whoever sees it is told"

    wrong = await offboard.refused("embargo", run_id, "--until", "tomorrow", as_="hr")
    assert "is not a valid time" in wrong and "2026-11-30T17:00" in wrong
    moved = await offboard.done("embargo", run_id, "--until", from_now(days=1), *named[:6], as_="hr")
    assert "under embargo until" in moved.out
    assert await offboard.refused("show", run_id, as_="value-owner") == hidden
    over = await offboard.done("embargo", run_id, "--end", as_="hr")
    assert "the embargo has ended" in over.out
    assert person.employee_number in (await offboard.done("show", run_id, as_="auditor")).out
    for words in (("--end", "--until", from_now(days=1)), (), ("--end", "--named", "it")):
        assert (await offboard("embargo", run_id, *words, as_="hr")).code == 2
    assert (await offboard("start", "E-1012", *CUTOFF, "--named", "it", as_="hr")).code == 2
    await offboard.done("end", run_id, "--reason", "called off", as_="hr")


async def test_someone_who_is_away_has_a_colleague_decide(offboard: Offboard, started: StartRun) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    await until(offboard, run_id, lambda run: len(run["gates"]) == 3)
    assert "Only a finance approver can decide" in await offboard.refused("approve", run_id, "money", as_="operator")
    assert "You have no delegations" in (await offboard.done("away", as_="finance")).out
    said = await offboard.done("away", "to", "operator", "--until", from_now(days=3), "--reason", "sea", as_="finance")
    assert "operator is your delegate until" in said.out
    [held] = (await offboard.done("away", "--json", as_="operator")).json["delegations"]
    assert (held["by"], held["to"], held["reason"]) == ("finance", "operator", "sea")
    try:
        assert "For      finance" in (await offboard.done("whoami", as_="operator")).out
        assert ", for finance" in (await offboard.done("inbox", as_="operator")).out
        approved = await offboard.done("approve", run_id, "money", as_="operator")
        assert ": approved" in approved.out
    finally:
        ended = await offboard.done("away", "end", held["delegation_id"], as_="finance")
        assert "has ended" in ended.out
    assert "had already ended" in (await offboard.done("away", "end", held["delegation_id"], as_="finance")).out
    assert "no such delegation" in await offboard.refused("away", "end", "nosuch", as_="finance")
    error = await offboard.refused("away", "to", "nobody", "--until", from_now(days=1), as_="finance")
    assert "No user with this ID" in error and "Choose a colleague" in error
    await offboard.done("end", run_id, "--reason", "called off", as_="hr")


async def test_a_safety_owner_takes_access_back_at_the_terminal(offboard: Offboard) -> None:
    await offboard.done("whoami", as_="auditor")
    assert "Only a safety owner can" in await offboard.refused("sessions", "end", "auditor", as_="operator")
    assert "Only a safety owner can" in await offboard.refused("revoke-role", "auditor", "operator", as_="operator")
    assert "have ended" in (await offboard.done("sessions", "end", "auditor", as_="safety-owner")).out
    said = await offboard.done("revoke-role", "auditor", "operator", as_="safety-owner")
    assert "has none of these roles: operator" in said.out
    assert "no such active token" in await offboard.refused("tokens", "revoke", "0" * 16, as_="safety-owner")
    listed = (await offboard.done("tokens", "--all", "--json", as_="safety-owner")).json["tokens"]
    assert any(one["made_by"] == "safety-owner" and one["works"] for one in listed)


async def test_a_safety_owner_names_who_answers_for_a_service_at_the_terminal(offboard: Offboard, stack: Stack) -> None:
    await offboard.done("whoami", as_="safety-owner")
    await offboard.done("whoami", as_="auditor")
    owner = (await stack.backend.runs.organisation()).actors["safety-owner"]
    _, token = await commands.make_token(
        stack.services,
        Tokens(stack.backend.database),
        owner,
        ["standard-leaver"],
        name="Feed",
        kind="service",
        roles=(),
        up_to=Level.READ,
        lasts=timedelta(days=1),
    )
    naming = ("tokens", "owners", token.token_id)
    assert "Only a safety owner can" in await offboard.refused(*naming, "auditor", as_="operator")
    assert "can't answer for a service" in await offboard.refused(*naming, "stranger", as_="safety-owner")
    said = await offboard.done(*naming, "auditor", "--deputy", "safety-owner", as_="safety-owner")
    assert said.out.strip() == f"auditor answers for the service of token {token.token_id}; it passes to safety-owner."
    assert "No one answers" not in (await offboard.done("tokens", "--all", as_="safety-owner")).out
    shown = (await offboard.done("start", "E-1009", *CUTOFF, "--preview", as_="hr")).out
    assert "Role auditor: no other person has it." in shown
    assert f"Service {token.actor_id}: safety-owner answers for it after the cutoff." in shown
    why = "Its machine was stolen."
    await offboard.done("tokens", "revoke", token.token_id, "--reason", why, as_="safety-owner")
