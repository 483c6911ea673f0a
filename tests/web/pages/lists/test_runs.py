"""The list of runs: narrowed, sorted, page by page, with counts that lead to what they count."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import pytest

from orchestrator.embedded.company.people import Employee
from orchestrator.web.pages.lists import runs as listed
from orchestrator.web.pages.lists.inbox import PAGE_SIZE
from orchestrator.web.pages.run.cards import anchor
from tests.cli.command_line import StartRun
from tests.web.api.running import FUTURE, until
from tests.web.api.running import start as start_run
from tests.web.conftest import Program, Visit
from tests.web.pages.forms import heading
from tests.web.pages.pressing import ParsedPage, press

RUN = re.compile(r'<tr id="run-(r[0-9a-f]{16})"')


async def test_a_run_is_listed_with_where_it_stands_and_leads_to_its_page(visit: Visit, started: StartRun) -> None:
    run_id = await started()
    auditor = await visit("auditor")

    text = (await auditor.get("/runs")).text

    row = text[text.index(f'id="run-{run_id}"') :]
    row = row[: row.index("</tr>")]
    assert f'href="/runs/{run_id}"' in row
    assert "Miravelda" in row
    assert "3 approvals" in row
    assert "by Torvandil Maskeliung" in row
    assert "Miravelda" not in text.split("<table")[0]  # no name in any filter or address
    assert (await auditor.get(f"/runs/{run_id}")).status_code == 200


async def test_states_with_their_counts_lead_to_those_runs(visit: Visit, started: StartRun) -> None:
    run_id = await started(asked={"cutoff": FUTURE})
    hr, auditor = await visit("hr"), await visit("auditor")
    await press(hr, f"/runs/{run_id}", "Cancel run", fill={"reason": "They stay"})

    text = (await auditor.get("/runs")).text
    href, number = re.search(  # type: ignore[union-attr]  # there is one
        r'href="(/runs\?state=ended)">.*?<span class="count">(\d+)</span>', text, re.DOTALL
    ).groups()
    ended = RUN.findall((await auditor.get(href)).text)

    assert run_id in ended
    assert len(ended) == int(number)
    assert run_id not in RUN.findall((await auditor.get("/runs?state=open")).text)


async def test_the_list_is_narrowed_and_sorted_by_a_form(visit: Visit, started: StartRun) -> None:
    late = await started(asked={"cutoff": "2032-02-01T10:00"})
    early = await started(asked={"cutoff": "2025-02-01T10:00", "packet": "identity-only"})
    auditor = await visit("auditor")

    by_cutoff = RUN.findall((await press(auditor, "/runs", "Apply", fill={"sort": "cutoff"})).text)
    narrowed = RUN.findall((await press(auditor, "/runs", "Apply", fill={"packet": "identity-only"})).text)
    mine = (await (await visit("it")).get("/runs?mine=yes")).text

    # The later one may be on a later page: others have runs here too.
    assert early in by_cutoff and (late not in by_cutoff or by_cutoff.index(early) < by_cutoff.index(late))
    assert early in narrowed
    assert late not in narrowed
    assert "No runs match these filters" in mine
    none = (await auditor.get("/runs?packet=identity-only&system=cards&state=finished&mine=yes")).text
    assert RUN.findall(none) == [] and "No runs match these filters" in none


async def test_a_long_list_is_read_page_by_page_and_names_no_one_twice(
    monkeypatch: pytest.MonkeyPatch, visit: Visit, program: Program, leaver: Callable[..., Awaitable[Employee]]
) -> None:
    monkeypatch.setattr(listed, "PAGE_SIZE", 7)
    hr, auditor = await program("hr"), await visit("auditor")
    made = {await start_run(hr, await leaver(), packet="identity-only") for _ in range(listed.PAGE_SIZE + 3)}

    seen: list[str] = []
    path: str | None = "/runs?packet=identity-only"
    pages = 0
    while path is not None:
        text = (await auditor.get(path)).text
        seen += RUN.findall(text)
        pages += 1
        on = re.search(r'rel="next" href="([^"]+)"', text)
        path = on[1].replace("&amp;", "&") if on is not None else None

    assert pages >= 2
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


async def test_a_cursor_that_is_none_is_refused_in_words(visit: Visit) -> None:
    answer = await (await visit("auditor")).get("/runs?after=latest/never")
    assert answer.status_code == 422
    assert "Go to the first page" in ParsedPage(answer.text).text


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("/runs?state=nosuch&sort=sideways", "state “nosuch”, sort “sideways”"),
        ("/runs?urgent=perhaps&mine=no", "urgent “perhaps”, mine “no”"),
        ("/runs?packet=nosuch&system=moon", "packet “nosuch”, system “moon”"),
        ("/exceptions?standing=lying&kind=nosuch", "standing “lying”, kind “nosuch”"),
        ("/exceptions?owner=nobody&system=moon", "owner “nobody”, system “moon”"),
        ("/?kind=nosuch&show=most", "kind “nosuch”, show “most”"),
        ("/ledger?system=moon&actor=nobody", "system “moon”, actor “nobody”"),
        ("/outcomes?span=a-week", "span “a-week”"),
        ("/runs?state=%3Cb%3E", "state “<b>”"),
    ],
)
async def test_an_unknown_word_of_an_address_is_reported_and_the_rest_is_shown(
    visit: Visit, path: str, wrong: str
) -> None:
    auditor = await visit("auditor")
    answer = await auditor.get(path)
    assert answer.status_code == 422 and "<b>" not in answer.text
    said = ParsedPage(answer.text).text
    assert f"Invalid filters in the address: {wrong}." in said and "Use the filters on this page." in said
    plain = await auditor.get(path.partition("?")[0])
    assert plain.status_code == 200 and "Invalid filters" not in plain.text
    assert heading(answer.text) == heading(plain.text), "the list stands there all the same"


async def test_a_visitor_who_is_not_signed_in_is_sent_to_sign_in(visit: Visit) -> None:
    nobody = await visit()
    for path in ("/", "/runs", "/runs/r0123456789abcdef", "/exceptions"):
        answer = await nobody.get(path)
        assert answer.history[0].status_code == 303, path
        assert answer.url.path == "/sign-in", path


async def test_an_inbox_that_is_full_goes_on_to_its_end(
    visit: Visit, program: Program, leaver: Callable[..., Awaitable[Employee]]
) -> None:
    it, hr = await visit("it"), await program("hr")
    made = [await start_run(hr, await leaver(), packet="identity-only") for _ in range(PAGE_SIZE + 1)]
    gates = {}
    for run_id in made:
        run = await until(hr, run_id, lambda run: bool(run["gates"]))
        gates[run_id] = anchor(run_id, run["gates"][0]["gate_id"])

    seen: list[str] = []
    path: str | None = "/"
    while path is not None:
        text = (await it.get(path)).text
        seen += re.findall(r'<li class="card[^"]*" id="(w-[^"]+)"', text)
        on = re.search(r'rel="next" href="([^"]+)"', text)
        path = on[1].replace("&amp;", "&") if on is not None else None

    assert len(seen) == len(set(seen)) > PAGE_SIZE
    assert set(gates.values()) <= set(seen)
