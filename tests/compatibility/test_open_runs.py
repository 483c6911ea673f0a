"""Runs that version 77071ca left open are brought to their ends by today's worker and relay, on an empty Temporal.

People give only what was missing: a vote that was given before counts. The company has the accounts and the effects of
the recording, so that an effect which is done a second time is counted twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psycopg
import pytest
import pytest_asyncio

from orchestrator.documents.document import Document
from tests.compatibility import product
from tests.compatibility.attendance import Attendance, sign_in
from tests.compatibility.conftest import CopyDatabase, EnvironmentFor, Recording, set_clock
from tests.compatibility.fixture_files import read_json
from tests.compatibility.people_at_work import StaffAtWork, at_work, is_finished, open_tasks, statuses
from tests.compatibility.small_company import SmallCompany

FINISHED_BEFORE = ("clean", "with_exceptions", "ended", "erased")
OPEN = (
    "scheduled",
    "one_of_two_votes",
    "several_gates",
    "parked",
    "held",
    "match_question",
    "closing",
    "embargoed",
    "rejected",
    "urgent",
    "killed_after_intent",
    "killed_after_effect",
)
PEOPLE = {"killed_after_intent": "R-0015", "killed_after_effect": "R-0016"}
DEADLINE = 120.0

pytestmark = [
    pytest.mark.timeout(300),
    # The company's mail server is in this process; on loopback it also takes a sign-in without TLS.
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning"),
]


@dataclass(frozen=True, slots=True)
class FinishedRuns:
    """`runs` and `events` as the API has them at the end, by the names of the recording."""

    database: str
    runs: dict[str, Document]
    events: dict[str, list[Document]]
    effects: dict[str, list[Document]]


@pytest_asyncio.fixture(scope="module")
async def ended(
    postgres: product.PostgresServer,
    copied: CopyDatabase,
    environment_for: EnvironmentFor,
    recorded: Recording,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[FinishedRuns]:
    async with (
        copied() as database,
        SmallCompany.start(tmp_path_factory.mktemp("company"), read_json("company.json.gz")) as company,
        product.running(environment_for(database, company)) as up,
    ):
        runs: dict[str, str] = recorded["runs"]
        async with at_work(up.url, recorded["tokens"]) as staff:
            await staff.approve(runs["one_of_two_votes"], "finance")
            await staff.post("operator", f"/runs/{runs['held']}/release")
            await staff.post("operator", f"/runs/{runs['parked']}/steps/close_card/retry", {"reason": "Unlocked."})
            await staff.post("finance", f"/runs/{runs['rejected']}/replan", {"reason": "The pay is settled."})
            attendance = Attendance(staff)
            now = [runs[name] for name in OPEN if name != "scheduled"]
            await asyncio.gather(*(attendance.attend(run, is_finished, DEADLINE) for run in now))
            await attendance.attend(runs["scheduled"], lambda run: not open_tasks(run), DEADLINE)
        await set_clock(postgres, database, recorded["recorded_at"], days=3)
        async with at_work(up.url, await sign_in(up.url, recorded["tokens"])) as staff:
            await Attendance(staff).attend(runs["scheduled"], is_finished, DEADLINE)
            yield FinishedRuns(database, *await _at_the_end(staff, runs), company.effects())


async def _at_the_end(
    staff: StaffAtWork, runs: dict[str, str]
) -> tuple[dict[str, Document], dict[str, list[Document]]]:
    documents = {name: await staff.run(run_id) for name, run_id in runs.items()}
    events = {name: (await staff.get("hr", f"/runs/{run_id}/events"))["events"] for name, run_id in runs.items()}
    return documents, events


def test_every_open_run_came_to_its_end(ended: FinishedRuns) -> None:
    assert {name: ended.runs[name]["state"] for name in OPEN} == dict.fromkeys(OPEN, "clean")
    assert set(ended.runs) == {*OPEN, *FINISHED_BEFORE}


def test_what_had_ended_stayed_as_it_was(ended: FinishedRuns, recorded: Recording) -> None:
    before = read_json("answers.json.gz")["hr"]
    for name in FINISHED_BEFORE:
        assert ended.events[name] == before[f"/runs/{recorded['runs'][name]}/events"]["body"]["events"], name


def test_what_had_happened_in_open_runs_is_followed_by_what_came(ended: FinishedRuns, recorded: Recording) -> None:
    before = read_json("answers.json.gz")["hr"]
    for name in OPEN:
        were = before[f"/runs/{recorded['runs'][name]}/events"]["body"]["events"]
        assert ended.events[name][: len(were)] == were, name
        assert len(ended.events[name]) > len(were), name


def test_the_vote_that_was_given_before_counts(ended: FinishedRuns) -> None:
    [gate] = ended.runs["one_of_two_votes"]["gates"]
    assert (gate["state"], [vote["by"] for vote in gate["votes"]]) == ("approved", ["it", "finance"])


def test_a_vote_for_a_colleague_still_counts_for_them(ended: FinishedRuns) -> None:
    [gate] = ended.runs["held"]["gates"]
    assert [(vote["by"], vote["on_behalf_of"]) for vote in gate["votes"]] == [("operator", "it"), ("finance", None)]


def test_no_effect_was_done_twice(ended: FinishedRuns) -> None:
    for system, effects in ended.effects.items():
        told = Counter(what_of(entry) for entry in effects if "/Groups/" not in entry["action"])
        assert told
        assert not [what for what, count in told.items() if count > 1], system


def what_of(entry: Document) -> tuple[str, ...]:
    """A mailbox is changed by two steps, and messages go to the same address: those are distinguished by their keys. A
    group is changed once for each member that leaves it, and is left out."""
    several = entry["action"].startswith(("SMTP", "PATCH /mailboxes"))
    return (entry["action"], entry["target"], *([entry["key"]] if several else []))


def test_what_was_done_before_the_worker_died_is_read_back_and_not_done_again(ended: FinishedRuns) -> None:
    assert set(statuses(ended.runs["killed_after_effect"]).values()) == {"verified", "attested"}
    assert not new_effects_on(PEOPLE["killed_after_effect"], ended)
    asked = {task["step"] for task in ended.runs["killed_after_effect"]["tasks"] if task["kind"] == "confirm_outcome"}
    assert asked == {"tell_manager"}  # a message cannot be read back; the payment was found by looking


def test_what_was_only_intended_is_done_once_and_never_where_that_is_forbidden(ended: FinishedRuns) -> None:
    assert set(statuses(ended.runs["killed_after_intent"]).values()) == {"verified", "attested"}
    done = Counter(new_effects_on(PEOPLE["killed_after_intent"], ended))
    assert sorted(done) == ["cards", "code", "hr", "identity", "mail"]
    assert done == {"cards": 1, "code": 2, "hr": 1, "identity": 1, "mail": 1}
    asked = {task["step"] for task in ended.runs["killed_after_intent"]["tasks"] if task["kind"] == "confirm_outcome"}
    assert asked == {"final_pay", "tell_manager"}


def new_effects_on(number: str, ended: FinishedRuns) -> list[str]:
    """The system of each effect since the recording whose target is an account of this person."""
    company = read_json("company.json.gz")
    [person] = [one for one in company["hr"].values() if one["employee_number"] == number]
    theirs = {person["id"], person["email"]}
    for system in ("code", "cards"):
        theirs |= {id_ for id_, one in company[system].items() if one["employee_number"] == number}
    theirs |= {user["id"] for user in company["identity"]["User"] if user["externalId"] == number}
    assert len(theirs) == 5
    return [
        system
        for system, effects in ended.effects.items()
        for entry in effects[len(company["effects"][system]) :]
        if entry["target"] in theirs
    ]


async def test_the_ledger_still_verifies_with_the_old_checkpoint(
    ended: FinishedRuns, postgres: product.PostgresServer, recorded: Recording
) -> None:
    found = await asyncio.to_thread(
        product.verify_database,
        postgres.url(ended.database),
        against=[recorded["checkpoint"]],
        verifier_key=recorded["verifier_key"],
    )
    assert found.ok, found.wrong
    assert found.checkpoints == 1


async def test_nothing_is_mailed_again_that_was_mailed(
    ended: FinishedRuns, postgres: product.PostgresServer, copied: CopyDatabase
) -> None:
    """Rows about what waits no longer are cleared away in time; those that are left say when it was mailed first."""
    asked = "SELECT item_id, actor_id, kind, sent_at FROM engine.notices"
    async with copied() as untouched:
        with psycopg.connect(postgres.conninfo(untouched)) as connection:
            before = {tuple(row[:3]): row[3] for row in connection.execute(asked).fetchall()}
    with psycopg.connect(postgres.conninfo(ended.database)) as connection:
        after = {tuple(row[:3]): row[3] for row in connection.execute(asked).fetchall()}
    assert before
    assert not [key for key in before.keys() & after.keys() if before[key] != after[key]]
