"""Whose account it is, settled on a preview's page and sent with the start, as a browser without JavaScript goes it."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import httpx

from tests.cli.command_line import NewLeaver
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import look_ahead, name_of
from tests.web.pages.pressing import ParsedPage, press

WITHIN = 30.0  # seconds
TWO = "two_code_accounts"


def fields_of(page: str) -> dict[str, list[tuple[str, bool]]]:
    """The start's checkboxes by name: each one's value and whether it is ticked."""
    form = next(form for form in ParsedPage(page).forms if form.id == "start-it")
    found: dict[str, list[tuple[str, bool]]] = {}
    for one in form.fields:
        if one.kind == "checkbox":
            found.setdefault(one.name, []).append((one.value, one.on))
    return found


async def planned(operator: httpx.AsyncClient, page: httpx.Response) -> Any:
    """The run of the page someone landed on, once it is planned."""
    assert page.url.path.startswith("/runs/r"), page.text
    path = page.url.path.removeprefix("/")
    async with asyncio.timeout(WITHIN):
        while not (run := (await operator.get(path)).json())["steps"]:
            await asyncio.sleep(0.1)
    return run


def labels(run: Any) -> list[str]:
    """What the accounts on the code hosting are called for which something is planned."""
    return sorted({step["account"]["label"] for step in run["steps"] if step["system"] == "code"})


async def test_an_operator_settles_whose_account_it_is_before_the_start_and_is_not_asked_again(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    browser, client, person = await visit("operator"), await program("operator"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    text = html.unescape(preview.text)
    assert (
        "Which of these accounts belong to the person?" in text
        and "If you leave this open, the operator answers it in the run." in text
    )
    ids = [value for value, _ in fields_of(preview.text)["account-code"]]
    assert len(ids) == 2 and all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    landed = await press(
        browser,
        preview.url.path,
        "Start run",
        tick=ids[:1],
        fill={"how-code": "Their line manager says so", "reason": "Moves on"},
    )
    run = await planned(client, landed)
    assert [one["kind"] for one in run["exceptions"] if one["system"] == "code"] == ["access_kept"]
    assert len(labels(run)) == 1
    timeline = html.unescape((await browser.get(landed.url.path)).text)
    for words in (
        "Account match resolved before the start",
        "Answered before the start; the search found the same accounts.",
        "Their line manager says so",
        labels(run)[0],
    ):
        assert words in timeline, words
    events = (await client.get(f"/runs/{run['run_id']}/events")).json()["events"]
    assert [event["type"] for event in events][:2] == ["RunRequested", "MatchSettledBeforehand"]
    assert (events[1]["data"]["by"], events[1]["data"]["reason"]) == ("operator", "Their line manager says so")
    assert not set(ids) & set(events[1]["data"]["accounts"]), "a preview's ids lead nowhere"


async def test_that_none_of_the_accounts_is_theirs_can_be_said_before_the_start(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    browser, client, person = await visit("operator"), await program("operator"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    landed = await press(browser, preview.url.path, "Start run", tick=["yes"])
    run = await planned(client, landed)
    assert labels(run) == [] and [one["kind"] for one in run["exceptions"]] == ["access_kept"]
    assert "no account of this person" in html.unescape((await browser.get(landed.url.path)).text)


async def test_a_question_that_is_left_open_on_the_preview_is_asked_in_the_run(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    browser, client, person = await visit("operator"), await program("operator"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    run = await planned(client, await press(browser, preview.url.path, "Start run"))
    assert [one["kind"] for one in run["exceptions"]] == ["ambiguous_match"]


async def test_other_candidates_at_the_search_than_on_the_preview_are_asked_about(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    browser, client, person = await visit("operator"), await program("operator"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    [first, _] = [value for value, _ in fields_of(preview.text)["account-code"]]
    # Someone else's account is under the same address since: one more that could be theirs.
    await leaver("code_under_former_email", former_emails=(person.email,))
    run = await planned(client, await press(browser, preview.url.path, "Start run", tick=[first]))
    [asked] = run["exceptions"]
    assert asked["kind"] == "ambiguous_match" and len(asked["candidates"]) == 3
    assert labels(run) == []


async def test_an_account_that_may_not_settle_sees_who_is_asked_and_is_refused(visit: Visit, leaver: NewLeaver) -> None:
    browser, person = await visit("hr"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    text = ParsedPage(preview.text).text
    assert "You cannot answer this: Only an operator can do this." in text
    assert "The operator answers it in the run:" in text
    assert fields_of(preview.text) == {}
    forged = {"account-code": "0" * 32, "how-code": "I know"}
    for fields in (forged, {"none-code": "yes"}):
        refused = await browser.submit(preview.url.path, fields)
        assert refused.url.path == preview.url.path and refused.status_code in (403, 422), refused.text
    assert refused.status_code == 403 and "Only an operator can do this." in html.unescape(refused.text)
    assert name_of(person) not in html.unescape((await browser.get("/runs")).text), "nothing was started"


async def test_what_contradicts_itself_is_said_at_the_question_and_what_was_ticked_stays(
    visit: Visit, leaver: NewLeaver
) -> None:
    browser, person = await visit("operator"), await leaver(TWO)
    preview = await look_ahead(browser, person)
    path = preview.url.path
    [first, second] = [value for value, _ in fields_of(preview.text)["account-code"]]
    both = await press(
        browser, path, "Start run", tick=[second, "yes"], fill={"how-code": "I asked", "reason": "Moves on"}
    )
    assert both.status_code == 422 and 'id="settle-code-error"' in both.text and 'href="#settle-code"' in both.text
    assert "Choose either accounts or “None of these”." in html.unescape(both.text)
    assert fields_of(both.text) == {"account-code": [(first, False), (second, True)], "none-code": [("yes", True)]}
    assert ">I asked</textarea>" in both.text and ">Moves on</textarea>" in both.text
    only_words = await press(browser, path, "Start run", fill={"how-code": "I asked"})
    assert only_words.status_code == 422 and "There is a justification but no answer." in only_words.text
    forged = await browser.submit(path, {"account-code": "f" * 32, "account-nothing": first, "reason": "Moves on"})
    assert forged.status_code == 422 and "Select from the accounts shown." in forged.text
    assert ">Moves on</textarea>" in forged.text
    assert name_of(person) not in html.unescape((await browser.get("/runs")).text), "nothing was started"


async def test_an_embargoed_run_asks_those_named_only_and_takes_what_an_operator_among_them_says(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    browser, client, person = await visit("operator"), await program("operator"), await leaver(TWO)
    fields = {"embargoed": "yes", "embargo_until": "2027-07-30T10:00", "named": ["it", "finance", "safety-owner"]}
    preview = await look_ahead(browser, person, **fields)
    ids = [value for value, _ in fields_of(preview.text)["account-code"]]
    run = await planned(client, await press(browser, preview.url.path, "Start run", tick=ids))
    assert len(labels(run)) == 2 and not run["exceptions"]


async def test_an_answer_given_with_a_second_request_tells_nothing_and_settles_nothing(
    visit: Visit, program: Program, leaver: NewLeaver
) -> None:
    hr, client, person = await visit("hr"), await program("operator"), await leaver(TWO)
    outsider = await visit("safety-owner")
    named = ["it", "finance", "operator"]
    fields = {"embargoed": "yes", "embargo_until": "2027-07-30T10:00", "named": named}
    first = await look_ahead(hr, person, **fields)
    run = await planned(client, await hr.submit(first.url.path))
    # Who may settle nothing hears that, whether there is a run or not.
    preview = await look_ahead(outsider, person)
    refused = await outsider.submit(preview.url.path, {"none-code": "yes"})
    assert refused.status_code == 403 and "Only an operator can do this." in html.unescape(refused.text)
    received = await outsider.submit(preview.url.path)
    assert received.url.path == "/runs" and "The request was received" in received.text
    after = (await client.get(f"/runs/{run['run_id']}")).json()
    assert {one["kind"] for one in after["exceptions"]} == {"ambiguous_match", "second_request"}
