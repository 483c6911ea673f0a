"""What the API answered about the recorded runs and lists, it answers today, with the same values.

No worker runs, so that nothing happens to the runs meanwhile, and the database's clock shows the time of the recording.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.compatibility import product
from tests.compatibility.comparison import changed
from tests.compatibility.conftest import CopyDatabase, EnvironmentFor, Recording
from tests.compatibility.fixture_files import read_json
from tests.compatibility.people_at_work import StaffAtWork, at_work
from tests.compatibility.small_company import SmallCompany

ANSWERS: dict[str, dict[str, Any]] = read_json("answers.json.gz")
FREE = ("now", "remedy", "subject", "if_nobody_does")
"""The time of the answer, and sentences for people."""
OF_A_REFUSAL = ("type", "status", "code")
GROWS = re.compile(r"/outcomes/open_exposure/longest/\d+/seconds:|/ledger/history/after:")
"""What is counted up to now, and a place in a list that is encrypted again for each answer."""
TITLED_BY_CODE = re.compile(r"/inbox/items/\d+/title: '(ambiguous_match: code|gate_rejected|urgent_review)' became")
"""An exception in the inbox had its code for a title, and has the words for it now."""

OF_HIDDEN_RUNS = re.compile(r"/ledger/history/events/\d+/position: \d+ became None$|/ledger/events: None became \d+$")
"""Values that changed when a hidden run opened, and do not any more: docs/decisions/0037."""
AROUND_RUNS = ("RunOpened", "ActorRecorded")
"""Events that the auditor, whom the recorded embargo does not name, sees now as others do: docs/decisions/0037."""


@pytest_asyncio.fixture(scope="module")
async def staff(
    copied: CopyDatabase,
    environment_for: EnvironmentFor,
    recorded: Recording,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[StaffAtWork]:
    folder: Path = tmp_path_factory.mktemp("company")
    async with (
        copied() as database,
        SmallCompany.start(folder, read_json("company.json.gz")) as company,
        product.running(environment_for(database, company), worker=False) as up,
        at_work(up.url, {**recorded["tokens"], "program": recorded["program"]["token"]}) as staff,
    ):
        yield staff


def in_one_order(path: str, body: Recording) -> Recording:
    """The inbox and the list of tasks are ordered by urgency now, and were by the due date."""
    if path.partition("?")[0] not in ("/inbox", "/tasks") or "items" not in body:
        return body
    return {**body, "items": sorted(body["items"], key=lambda item: (item["run_id"], item["id"]))}


async def as_recorded(alias: str, path: str, body: Recording, staff: StaffAtWork) -> Recording:
    """The history for the auditor, as far as it was recorded, without the events that were concealed."""
    if (alias, path) != ("auditor", "/ledger/history"):
        return body
    more = await staff.get(alias, f"{path}?limit=200")
    events = [event for event in more["events"] if event["type"] not in AROUND_RUNS]
    return {**body, "events": events[: len(ANSWERS[alias][path]["body"]["events"])]}


@pytest.mark.parametrize("alias", sorted(ANSWERS))
async def test_the_api_answers_what_it_answered(alias: str, staff: StaffAtWork) -> None:
    differences = []
    for path, recorded in ANSWERS[alias].items():
        answer = await staff[alias].get(path)
        assert answer.status_code == recorded["status"], f"{path} as {alias}: {answer.text}"
        body = recorded["body"]
        if answer.status_code != 200:
            body = {name: body[name] for name in OF_A_REFUSAL}
        now = await as_recorded(alias, path, answer.json(), staff)
        differences += changed(in_one_order(path, body), in_one_order(path, now), path, passed_over=FREE)
    explained = (GROWS, TITLED_BY_CODE, OF_HIDDEN_RUNS)
    other = [line for line in differences if not any(pattern.match(line) for pattern in explained)]
    assert not other, "\n".join(other[:20])


async def test_open_exposure_goes_on_from_what_it_was(staff: StaffAtWork) -> None:
    recorded = ANSWERS["hr"]["/outcomes"]["body"]
    now = await staff.get("hr", "/outcomes")
    passed = (datetime.fromisoformat(now["now"]) - datetime.fromisoformat(recorded["now"])).total_seconds()
    assert recorded["open_exposure"]["longest"] and passed > 0
    for before, after in zip(recorded["open_exposure"]["longest"], now["open_exposure"]["longest"], strict=True):
        # Both are whole seconds.
        assert abs(after["seconds"] - before["seconds"] - passed) < 1


async def test_an_idempotency_key_gets_the_same_answer_again(staff: StaffAtWork, recorded: Recording) -> None:
    kept = recorded["idempotent"]
    headers = {"Idempotency-Key": kept["key"], "Content-Type": "application/json"}
    answer = await staff["hr"].post("/runs", content=kept["body"], headers=headers)
    assert (answer.status_code, answer.json()) == (201, kept["answer"])


async def test_a_programs_token_works_as_far_as_it_did(staff: StaffAtWork, recorded: Recording) -> None:
    me = await staff.get("program", "/me")
    assert (me["kind"], me["roles"], me["up_to"]) == ("service", ["reporting"], "read")
    assert me["actor_id"] == recorded["program"]["actor_id"]
    assert (await staff["program"].post(f"/runs/{recorded['runs']['held']}/release", json={})).status_code == 403


async def test_a_page_of_the_history_leads_to_the_next(staff: StaffAtWork) -> None:
    after = ANSWERS["auditor"]["/ledger/history"]["body"]["after"]
    assert after
    assert (await staff.get("auditor", f"/ledger/history?after={after}"))["events"]
