"""A new run through its pages, form by form."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.embedded.stack import Stack
from orchestrator.embedded.staff import STAFF
from orchestrator.engine import Engine
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from tests.cli.command_line import NewLeaver
from tests.web.api.running import start as start_run
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import choose, heading, look_ahead, name_of, start, value_of
from tests.web.visitor import Visitor


@asynccontextmanager
async def _pages(stack: Stack, engine: Engine | None, **settings: Any) -> AsyncIterator[str]:
    """The same ledger's pages, served again under other settings."""
    on = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    local = [LocalMember(one.alias, one.employee_number, one.roles, one.duty) for one in STAFF]
    services = replace(stack.services, engine=engine)
    async with serving(
        WebSettings(public_url=url, **settings), services, engine, stack.backend.database, on, local=local
    ):
        yield url


@pytest_asyncio.fixture
async def impatient(stack: Stack) -> AsyncIterator[str]:
    """Where a sign-in is fresh for no time at all."""
    async with _pages(stack, stack.engine, step_up_within=timedelta(0)) as url:
        yield url


@pytest_asyncio.fixture
async def alone(stack: Stack) -> AsyncIterator[str]:
    """Where Temporal has never been reached."""
    async with _pages(stack, None) as url:
        yield url


async def test_hr_finds_someone_looks_ahead_and_starts(stack: Stack, visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    preview = await look_ahead(browser, person)
    text = html.unescape(preview.text)
    assert heading(preview.text) == name_of(person)
    for words in (
        "Nothing has been saved",
        "What the accounts can do and own",
        "Disable the sign-in account",
        "Remove access",
        "30 Jun 2027",
    ):
        assert words in text, words
    assert person.employee_number not in (await browser.get("/runs")).text, "a preview writes nothing"
    landed = await browser.submit(preview.url.path, {"reason": "Moves to another country"})
    assert landed.status_code == 200 and landed.url.path.startswith("/runs/r")
    assert "Run started" in landed.text and name_of(person) in html.unescape(landed.text)
    assert "Run started" not in (await browser.get(landed.url.path)).text, "it is said once"


async def test_the_search_marks_a_person_with_an_open_run_and_links_to_it(
    visit: Visit, leaver: NewLeaver, program: Program
) -> None:
    browser, person, hr = await visit("hr"), await leaver(), await program("hr")
    search = {"packet": "standard-leaver", "text": person.employee_number}
    before = await browser.submit("/runs/new/people", search)
    assert name_of(person) in html.unescape(before.text) and "has an open run" not in before.text
    run_id = await start_run(hr, person)
    found = await browser.submit("/runs/new/people", search)
    assert f'This person has an open run: <a href="/runs/{run_id}">' in found.text
    hidden, until = await leaver(), (datetime.now(UTC) + timedelta(days=2)).isoformat()
    run_id = await start_run(hr, hidden, embargo={"until": until, "named": ["it", "finance", "operator"]})
    search["text"] = hidden.employee_number
    for alias, sees in (("operator", True), ("safety-owner", False)):
        found = await (await visit(alias)).submit("/runs/new/people", search)
        assert name_of(hidden) in html.unescape(found.text), alias
        assert (run_id in found.text, "has an open run" in found.text) == (sees, sees), alias


async def test_the_preview_lists_what_the_person_holds_in_offboard(
    stack: Stack, visit: Visit, leaver: NewLeaver
) -> None:
    browser, person = await visit("hr"), await leaver()
    assert "Roles and duties" not in (await look_ahead(browser, person)).text
    packet = (await stack.backend.runs.shelf("standard-leaver")).current
    assert packet is not None
    account = f"holds-{person.employee_number}"
    only = f"role_of_{person.employee_number.lower().replace('-', '_')}"
    actor = await stack.people(packet).actor(account, person.employee_number, ["it_approver", only])
    await commands.record_actor(stack.services, actor)
    text = html.unescape((await look_ahead(browser, person)).text)
    assert "Roles and duties in Offboard" in text and "Role IT approver: " in text
    assert "no other person has it. Give it to another person" in text and "Hand over" in text


async def test_pressing_start_several_times_starts_one_run(stack: Stack, visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    preview = await look_ahead(browser, person)
    form = {"csrf": await browser.csrf()}
    pressed = await asyncio.gather(*(browser.post(preview.url.path, data=form) for _ in range(5)))
    assert all(answer.status_code == 200 for answer in pressed)
    last = await browser.post(preview.url.path, data=form)
    assert last.url.path.startswith("/runs/r")
    runs = {answer.url.path for answer in pressed if answer.url.path.startswith("/runs/r")}
    assert runs == {last.url.path}


async def test_neither_name_nor_number_is_in_an_address(stack: Stack, visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    seen: list[str] = []

    async def note(request: object) -> None:
        seen.append(str(request.url))  # type: ignore[attr-defined]  # httpx hands in its own request

    browser.event_hooks["request"].append(note)
    await start(browser, person)
    assert seen
    for address in seen:
        for word in (person.employee_number, person.family_name, person.given_name, person.email):
            assert word.lower() not in address.lower()


async def test_the_list_alone_is_answered_while_someone_types(visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    fields = {"csrf": await browser.csrf(), "packet": "standard-leaver", "text": person.employee_number}
    part = await browser.post("/runs/new/people", data=fields, headers={"X-Fragment": "results"})
    assert person.email in part.text and "<html" not in part.text
    short = await browser.post("/runs/new/people", data={**fields, "text": "x"}, headers={"X-Fragment": "results"})
    assert "Enter at least 2 characters" in short.text
    nobody = await browser.submit("/runs/new/people", {"packet": "standard-leaver", "text": "zzqqxx"})
    assert "No one in HR matches this search" in nobody.text


async def test_a_person_whom_one_account_selected_is_selected_for_no_other(visit: Visit, leaver: NewLeaver) -> None:
    hr, it, person = await visit("hr"), await visit("it"), await leaver()
    handle = value_of((await choose(hr, person)).text, "draft")
    answer = await it.submit("/runs/new/terms", {"draft": handle})
    assert answer.status_code == 422 and name_of(person) not in html.unescape(answer.text)
    preview = await look_ahead(hr, person)
    foreign = await it.get(preview.url.path)
    assert foreign.status_code == 404 and name_of(person) not in html.unescape(foreign.text)
    assert (await it.submit(preview.url.path)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"cutoff": ""}, "cutoff", "Enter when access ends"),
        ({"cutoff": "2027-03-28T02:30"}, "cutoff", "does not exist in Europe/Berlin"),
        ({"cutoff": "2027-10-31T02:30"}, "cutoff", "occurs twice"),
        ({"cutoff": "soon"}, "cutoff", "cannot be read"),
        ({"zone": "Europe/Wolkenmühle"}, "zone", "There is no time zone"),
        ({"when": "urgent"}, "sure", "Confirm this to continue"),
        ({"embargoed": "yes"}, "embargo_until", "The embargo has no end"),
        ({"embargoed": "yes", "embargo_until": "2027-07-30T10:00"}, "embargo_until", "cannot complete the run"),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_what_was_typed_stays(
    visit: Visit, leaver: NewLeaver, fields: dict[str, str], field: str, words: str
) -> None:
    browser, person = await visit("hr"), await leaver()
    page = await look_ahead(browser, person, **fields)
    assert page.status_code == 422
    assert f'id="{field}-error"' in page.text and words in html.unescape(page.text)
    assert name_of(person) in html.unescape(page.text)


async def test_a_time_that_happens_twice_is_settled_by_a_choice(visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    page = await look_ahead(browser, person, cutoff="2027-10-31T02:30")
    assert "Which one do you mean?" in page.text and 'value="+02:00"' in page.text and 'value="+01:00"' in page.text
    left_out = await look_ahead(browser, person, cutoff="2027-03-28T02:30")
    assert left_out.status_code == 422 and "Which one do you mean?" not in left_out.text
    later = await look_ahead(browser, person, cutoff="2027-10-31T02:30", offset="+01:00")
    assert later.status_code == 200 and "31 Oct 2027, 02:30 CET" in later.text


async def test_a_preview_is_refused_where_the_start_would_be(visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver()
    assert (await start(browser, person)).url.path.startswith("/runs/r")
    again = await look_ahead(browser, person)
    assert again.status_code == 409 and "already has an open run" in html.unescape(again.text)


async def test_an_urgent_start_takes_a_fresh_sign_in_and_loses_nothing(
    impatient: str, visit: Visit, leaver: NewLeaver
) -> None:
    person = await leaver()
    async with Visitor(impatient) as browser:
        await browser.sign_in("hr", "/runs/new")
        preview = await look_ahead(browser, person, when="urgent", sure="yes")
        assert "Sign in again" in preview.text and f"/sign-in?to={preview.url.path}" in preview.text
        refused = await browser.submit(preview.url.path)
        assert refused.status_code == 403 and "needs a recent sign-in" in refused.text
        assert name_of(person) in html.unescape(refused.text), "the preview is still there"
    fresh = await visit("hr")
    urgent = await look_ahead(fresh, person, when="urgent", sure="yes")
    assert "before approval" in urgent.text and "Start and remove access immediately" in urgent.text
    landed = await fresh.submit(urgent.url.path)
    assert landed.url.path.startswith("/runs/r") and "start now" in landed.text


async def test_a_run_under_embargo_exists_for_those_named_and_a_second_request_is_received(
    visit: Visit, leaver: NewLeaver
) -> None:
    hr, it, person = await visit("hr"), await visit("it"), await leaver()
    fields = {"embargoed": "yes", "embargo_until": "2027-07-30T10:00"}
    lacking = await look_ahead(hr, person, **fields, named=["finance"])
    assert lacking.status_code == 422 and "cannot complete the run" in html.unescape(lacking.text)
    landed = await start(hr, person, **fields, named=["it", "finance", "operator"])
    run = landed.url.path
    assert run.startswith("/runs/r")
    assert (await it.get(run)).status_code == 200
    assert (await (await visit("auditor")).get(run)).status_code == 404
    # People who are not named learn nothing of it: not in a preview, and not when they start.
    outsider = await visit("safety-owner")
    received = await start(outsider, person)
    assert received.url.path == "/runs" and "The request was received" in received.text
    assert run.removeprefix("/runs/") not in received.text


async def test_an_account_that_may_not_start_runs_is_refused_at_once(visit: Visit) -> None:
    browser = await visit("auditor")
    answer = await browser.get("/runs/new")
    assert answer.status_code == 403 and "Your roles do not allow starting a run" in html.unescape(answer.text)
    assert (await browser.submit("/runs/new/people", {"packet": "standard-leaver", "text": "an"})).status_code == 403


async def test_a_new_run_is_offered_to_those_alone_who_may_start_one(visit: Visit) -> None:
    for alias, offered in (("hr", True), ("operator", True), ("auditor", False), ("value-owner", False)):
        browser = await visit(alias)
        for path in ("/", "/runs", "/exceptions", "/runs/r00", "/runs/new"):
            assert ('href="/runs/new"' in (await browser.get(path)).text) is offered, (alias, path)
        assert ((await browser.get("/runs/new")).status_code == 200) is offered


async def test_what_is_left_of_a_form_leads_to_the_beginning(visit: Visit) -> None:
    browser = await visit("hr")
    for path in ("/runs/new/people", "/runs/new/terms", "/runs/new/preview"):
        assert (await browser.get(path)).url.path == "/runs/new"
    over = await browser.get("/runs/new/preview/i00000000000000000000000000000000")
    assert over.status_code == 404 and "This preview has expired" in over.text


async def test_without_temporal_pages_say_what_can_be_done_and_keep_what_was_typed(
    alone: str, visit: Visit, leaver: NewLeaver
) -> None:
    person = await leaver()
    handle = value_of((await choose(await visit("hr"), person)).text, "draft")
    async with Visitor(alone) as browser:
        await browser.sign_in("hr", "/runs/new")
        found = await browser.submit("/runs/new/people", {"packet": "standard-leaver", "text": "tossen"})
        assert found.status_code == 503 and "Temporal cannot be reached" in found.text
        assert 'value="tossen"' in found.text
        fields = {"draft": handle, "when": "planned", "cutoff": "2027-06-30T17:00", "zone": "Europe/Berlin"}
        refused = await browser.submit("/runs/new/preview", fields)
        assert refused.status_code == 503 and "No run was started" in refused.text
        assert 'value="2027-06-30T17:00"' in refused.text and name_of(person) in html.unescape(refused.text)
        verifying = await browser.submit("/ledger/verify")
        assert verifying.status_code == 503 and "Temporal cannot be reached" in verifying.text
    async with Visitor(alone) as browser:
        await browser.sign_in("operator", "/systems")
        checked = await browser.submit("/systems/standard-leaver/check")
        assert checked.status_code == 503 and "Temporal cannot be reached" in checked.text
