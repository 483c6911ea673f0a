"""What bad input gets: place, cause and remedy on standard error, exit code 1, and nothing started or lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import pytest
from sqlalchemy import func, select

from orchestrator import commands
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.schema.tables import events
from tests.cli.command_line import NewLeaver, Offboard, StartRun
from tests.cli.pseudo_terminal import at_a_terminal

BERLIN = ("--zone", "Europe/Berlin")


async def count(stack: Stack) -> int:
    """Events that a start would leave. Runs of other tests go on meanwhile, in streams of their own."""
    async with stack.backend.database.connect() as connection:
        opened = select(func.count()).select_from(events).where(events.c.stream.like("person:%"))
        return int((await connection.execute(opened)).scalar_one())


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (("E-0000", "--cutoff", "2026-12-01T17:00", *BERLIN), "No one in HR matches", "employee number"),
        (("E-1012", "--cutoff", "2027-03-28T02:30", *BERLIN), "does not exist in Europe/Berlin", "03:00:00 or later"),
        (("E-1012", "--cutoff", "2026-10-25T02:30", *BERLIN), "occurs twice", "+01:00"),
        (("E-1012", "--cutoff", "2026-12-01T17:00", "--zone", "Europe/Berlim"), "no time zone", "Europe/Berlin"),
        (("E-1012", "--cutoff", "tomorrow", *BERLIN), "cannot be read", "Use the format 2026"),
        (("E-1012",), "No cutoff was given", "--cutoff"),
        (("E-1003", "--urgent", "--yes"), "your own offboarding", "colleague"),
        (("E-1012", "--urgent", "--yes", "--packet", "nosuch"), "There is no packet nosuch", "offboard packet sign"),
    ],
)
@pytest.mark.parametrize("preview", [(), ("--preview",)])
async def test_a_start_that_cannot_be(
    offboard: Offboard, stack: Stack, words: tuple[str, ...], said: str, remedy: str, preview: tuple[str, ...]
) -> None:
    before = await count(stack)
    error = await offboard.refused("start", *words, *preview, as_="hr")
    assert said in error and remedy in error
    assert await count(stack) == before


async def test_a_cutoff_without_a_zone_is_meant_in_the_persons_own(
    offboard: Offboard, stack: Stack, leaver: NewLeaver
) -> None:
    somewhere, nowhere = await leaver(time_zone="America/Lima"), await leaver(time_zone="")
    before = await count(stack)
    for more in ((), ("--preview",)):
        error = await offboard.refused(
            "start", nowhere.employee_number, "--cutoff", "2027-01-15T18:00", *more, as_="hr"
        )
        assert "no time zone" in error and "Europe/Berlin" in error
    assert await count(stack) == before
    said = await offboard.done("start", somewhere.employee_number, "--cutoff", "2027-01-15T18:00", as_="hr")
    assert "2027-01-15 23:00 UTC (18:00 in America/Lima)" in said.out


async def test_who_may_not_start(offboard: Offboard, stack: Stack) -> None:
    before = await count(stack)
    error = await offboard.refused("start", "E-1012", "--urgent", "--yes", as_="auditor")
    assert "level" in error and "ask" in error.lower()
    error = await offboard.refused("start", "E-1012", "--urgent", "--yes", as_="nobody")
    assert "There is no local account 'nobody'" in error and "hr, it, finance" in error
    assert await count(stack) == before


async def test_an_urgent_start_shows_the_person_and_asks(offboard: Offboard, leaver: NewLeaver, stack: Stack) -> None:
    person, before = await leaver(), await count(stack)
    error = await offboard.refused("start", person.employee_number, "--urgent", as_="hr")
    assert "was not confirmed" in error and "--yes" in error
    async with at_a_terminal(stack.folder, "start", person.employee_number, "--urgent", "--as", "hr") as screen:
        await screen.until(f"Department: {person.department}. Manager: ")
        await screen.until("Identity provider")
        await screen.until("Immediately, before approval: Disable the sign-in account")
        await screen.until("Remove this access now?")
        screen.type("n")
        await screen.until("Not started.")
    assert await count(stack) == before


async def test_an_open_run_is_named(offboard: Offboard, leaver: NewLeaver) -> None:
    person = await leaver()
    cutoff = ("--cutoff", "2027-01-15T18:00", *BERLIN)
    run_id = (await offboard.done("start", person.employee_number, *cutoff, as_="hr")).out.split()[1]
    for more in ((), ("--preview",)):
        error = await offboard.refused("start", person.email, *cutoff, *more, as_="hr")
        assert run_id in error and "offboard show" in error


async def test_wrong_usage_is_exit_code_two(offboard: Offboard) -> None:
    for words in (
        ("start", "--as", "hr"),
        ("start", "E-1012", "--from-csv", "x.csv", "--as", "hr"),
        ("start", "E-1012", "--confirm", "3", "--as", "hr"),
        ("runs",),
        ("tasks",),
        ("exceptions",),
        ("hold", "--as", "operator"),
        ("exceptions", "settle", "r1", "code", "--as", "operator"),
        ("approve", "r1", "--as", "it"),
        ("nosuch",),
        ("runs", "--limit", "0", "--as", "hr"),
    ):
        answer = await offboard(*words)
        assert (answer.code, "Usage" in answer.err) == (2, True), words


async def test_without_a_stack(offboard: Offboard, tmp_path: Path) -> None:
    for words in (
        ("runs",),
        ("approve", "r1", "access"),
        ("start", "E-1012", "--urgent", "--yes"),
        ("systems", "check"),
    ):
        answer = await Offboard(tmp_path)(*words, as_="hr")
        assert answer.code == 1 and "offboard up" in answer.err, words


async def test_what_does_not_exist(offboard: Offboard, started: StartRun) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    cases = [
        (("show", "r0000000000000000"), "There is no run r0000000000000000"),
        (("show", "r"), "There is no run r"),
        (("watch", "nosuch"), "There is no run"),
        (("approve", run_id, "nosuch"), "Open gates: g-access-1"),
        (("approve", run_id, "access", "--exclude", "nosuch"), "has no step nosuch"),
        (("skip", run_id, "nosuch", "--reason", "x"), "has no step nosuch"),
        (("retry", run_id, "disable_identity"), "so it can't be retried"),
        (("tasks", "complete", run_id, "nosuch"), "has no task nosuch"),
        (("exceptions", "accept", run_id, "nosuch", "--reason", "x"), "has no exception nosuch"),
        (("exceptions", "settle", run_id, "code", "--none"), "No account match on code needs an answer"),
        (("runs", "--state", "nosuch"), "state.0: Input should be 'open', 'finished'"),
        (("runs", "--after", "nosuch"), "Invalid cursor"),
        (("hold", "--system", "nosuch"), "has no system nosuch"),
        (("packet", "move", "standard-leaver", "nosuch"), "no phase nosuch"),
        (("packet", "sign", "nosuch"), "no packet nosuch"),
    ]
    for words, said in cases:
        who = "it" if words[0] == "approve" else "value-owner" if words[0] == "packet" else "operator"
        assert said in await offboard.refused(*words, as_=who), words
    # The remedy is the terminal's own, and not the API's.
    assert "The start of an ID needs at least 5 characters" in await offboard.refused("show", "r00", as_="operator")
    settled = await offboard.refused("exceptions", "settle", run_id, "code", "--none", as_="operator")
    assert "List the open exceptions: `offboard exceptions`." in settled
    unknown = await offboard.refused("hold", "--system", "nosuch", as_="operator")
    assert "Use one of: " in unknown and "or * for all." in unknown


async def test_who_may_not_decide_and_who_comes_too_late(offboard: Offboard, started: StartRun) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    assert "Only an IT approver can decide" in await offboard.refused("approve", run_id, "access", as_="finance")
    assert "Only an IT approver can decide" in await offboard.refused("approve", run_id, "access", as_="hr")
    assert "Only an operator can do this" in await offboard.refused("exceptions", "replan", run_id, as_="it")
    assert "needs the permission" in await offboard.refused("end", run_id, "--reason", "x", as_="auditor")
    assert "needs a reason" in await offboard.refused("reject", run_id, "access", "--reason", " ", as_="it")
    await offboard.done("approve", run_id, "access", as_="it")
    error = await offboard.refused("reject", run_id, "access", "--reason", "late", as_="it")
    assert "was approved at" in error and "by it (approve" in error


async def test_an_embargoed_run_is_absent_for_all_but_the_named(
    offboard: Offboard, stack: Stack, leaver: NewLeaver
) -> None:
    person, runs = await leaver(), stack.backend.runs
    people = stack.people(starter_packet("standard-leaver"))
    facts = await people.facts(await people.find(person.employee_number))
    hr = (await runs.organisation()).actors["hr"]
    under = EmbargoTerms(await runs.ledger.now() + timedelta(days=1), ("it", "finance", "operator"))
    cutoff = parse_cutoff("2027-01-15T18:00", "Europe/Berlin")
    done = await commands.start_run(stack.services, hr, facts, "standard-leaver", cutoff, embargo=under)
    assert isinstance(done, commands.Done)
    run_id = done.run_id
    async with asyncio.timeout(60):
        while not (await runs.load(run_id)).state.decisions.gates:
            await asyncio.sleep(0.1)
    same = (await offboard.refused("show", "r000000000000dead", as_="auditor")).replace("r000000000000dead", run_id)
    for outside in ("auditor", "safety-owner"):
        assert await offboard.refused("show", run_id, as_=outside) == same
        assert await offboard.refused("approve", run_id, "access", as_=outside) == same
        for words in (("runs",), ("inbox", "--all"), ("exceptions", "--all"), ("tasks", "--all")):
            assert run_id not in (await offboard.done(*words, as_=outside)).out
    for inside in ("hr", "it"):
        assert run_id in (await offboard.done("runs", as_=inside)).out
        await offboard.done("show", run_id, as_=inside)
    when = ("--cutoff", "2027-02-01T18:00", "--zone", "Europe/Berlin")
    asked = await offboard.done("start", person.employee_number, *when, as_="safety-owner")
    assert "received" in asked.out and run_id not in asked.out
    looked = await offboard.done("start", person.employee_number, *when, "--preview", as_="safety-owner")
    assert "No run is started" in looked.out and run_id not in looked.out
    assert "second_request" in (await offboard.done("exceptions", "--json", as_="operator")).out
    assert run_id not in (await offboard.done("exceptions", "--all", "--json", as_="safety-owner")).out
    await commands.set_embargo(stack.services, hr, run_id, None)
    await offboard.done("show", run_id, as_="auditor")


async def test_pages_of_runs_go_on_where_they_ended(offboard: Offboard, started: StartRun) -> None:
    for _ in range(3):
        await started(cutoff="2027-01-15T18:00")
    whole = [run["run_id"] for run in (await offboard.done("runs", "--limit", "500", "--json", as_="hr")).json["runs"]]
    seen: list[str] = []
    after: list[str] = []
    while True:
        page = (await offboard.done("runs", "--limit", "2", *after, "--json", as_="hr")).json
        seen += [run["run_id"] for run in page["runs"]]
        if page["after"] is None:
            break
        after = ["--after", page["after"]]
    assert seen == whole and len(set(seen)) == len(seen)


async def test_an_erased_person_is_shown_as_erased(offboard: Offboard, stack: Stack, started: StartRun) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    shown = (await offboard.done("show", run_id, "--json", as_="hr")).json
    await offboard.done("end", run_id, "--reason", "erasing", as_="hr")
    state = (await stack.backend.runs.load(run_id)).state
    await stack.backend.keyring.erase_person(state.asked.person_id)
    listing = await offboard.done("runs", as_="hr")
    line = next(line for line in listing.out.splitlines() if line.startswith(run_id))
    assert "erased" in line and shown["person"]["name"] not in listing.out
    page = await offboard.done("show", run_id, "--events", as_="hr")
    assert "erased" in page.out and shown["person"]["name"].split()[0] not in page.out


async def test_the_version_is_shown(offboard: Offboard) -> None:
    answer = await offboard("--version")
    assert (answer.code, answer.out) == (0, f"offboard {metadata.version('offboard')}\n")
