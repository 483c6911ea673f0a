"""How pages are rendered and look: axe finds nothing wrong with any component, in light and dark, wide and narrow;
times and lengths are in words; and live parts move without disturbing a person who reads or types."""

from __future__ import annotations

import ast
import asyncio
import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from gallery import Moving, gallery_app
from jinja2 import UndefinedError
from playwright.async_api import Browser, Page, expect

import orchestrator.domain
from orchestrator.domain.events import ORGANISATION_EVENTS, RUN_EVENTS, ExceptionKind
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.history.packet_events import PACKET_EVENTS
from orchestrator.vocabulary import durations
from orchestrator.vocabulary.refused_packet_acts import PACKET_ACT
from orchestrator.web import times
from orchestrator.web.drawing.glyphs import MARKS, SHAPES
from orchestrator.web.rendering import make_templates
from orchestrator.web.words import VOCABULARIES, words
from tests.web.axe import violations
from tests.web.chromium import launched

NOW = datetime(2026, 11, 30, 16, 42, tzinfo=UTC)
WIDTHS = {"laptop": (1360, 900), "phone": (360, 780)}


@pytest_asyncio.fixture(scope="module")
async def moving() -> AsyncIterator[tuple[str, Moving]]:
    """The gallery's address, and what makes its live page move."""
    state = Moving()
    server = uvicorn.Server(
        uvicorn.Config(gallery_app(state), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", state
    server.should_exit = True
    await serving


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as chromium:
        yield chromium


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What the browser's console said; a policy that was broken is said there."""
    said: list[str] = []
    yield said
    assert said == []


async def open_page(browser: Browser, address: str, complaints: list[str], **how: Any) -> Page:
    context = await browser.new_context(**how)
    page = await context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(address)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
async def test_axe_finds_nothing_wrong_with_any_component(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str], theme: Any, width: str
) -> None:
    size = dict(zip(("width", "height"), WIDTHS[width], strict=True))
    page = await open_page(browser, f"{moving[0]}/gallery", complaints, viewport=size, color_scheme=theme)
    await page.evaluate("document.querySelectorAll('details.fold').forEach(fold => fold.open = true)")
    if width == "phone":
        await page.click("details.narrow > summary")
    found = [(v["id"], [node["target"] for node in v["nodes"]][:5]) for v in await violations(page)]
    assert found == []
    wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wider <= 0, f"the page is {wider} px wider than the screen"
    await page.context.close()


async def test_everything_that_can_be_pressed_is_large_enough(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    """WCAG 2.2, success criterion 2.5.8: 24 by 24 pixels, but for links inside a sentence or a cell."""
    page = await open_page(browser, f"{moving[0]}/gallery", complaints, viewport={"width": 360, "height": 780})
    small = await page.evaluate(
        """() => [...document.querySelectorAll('button, summary, select, .button, .tabs a, .navigation a, .plan-step')]
             .filter(one => one.checkVisibility() && one.getBoundingClientRect().height > 0)
             .filter(one => one.getBoundingClientRect().height < 24 || one.getBoundingClientRect().width < 24)
             .map(one => one.outerHTML.slice(0, 80))"""
    )
    assert small == []
    await page.context.close()


async def test_a_keyboard_reaches_the_content_first_and_sees_where_it_is(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    page = await open_page(browser, f"{moving[0]}/gallery", complaints)
    await page.keyboard.press("Tab")
    skip = page.locator(":focus")
    await expect(skip).to_have_text("Skip to content")
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await page.keyboard.press("Tab")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    await page.context.close()


async def test_a_page_without_script_has_everything_but_what_moves_by_itself(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    page = await open_page(browser, f"{moving[0]}/moving", complaints, java_script_enabled=False)
    await expect(page.locator("#told")).to_have_text(f"Step {moving[1].step}")
    await expect(page.get_by_role("button", name="Search")).to_be_visible()
    await expect(page.locator("[data-live-mark]")).to_be_hidden()
    await page.context.close()


async def test_a_live_part_moves_and_takes_nothing_from_a_person_who_types(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    address, state = moving
    page = await open_page(browser, f"{address}/moving", complaints)
    before = state.step
    await expect(page.locator("[data-live-mark]")).to_have_text("Live")
    await page.click("#evidence > summary")
    await page.check("#left-out")
    await page.fill("#reason", "Agreed with the line ")
    state.move()
    await expect(page.locator("#told")).to_have_text(f"Step {before + 1}")
    await expect(page.locator("#live-said")).to_have_text(f"Step {before + 1} is done")
    await page.keyboard.type("manager")
    await expect(page.locator("#reason")).to_have_value("Agreed with the line manager")
    await expect(page.locator("#reason")).to_be_focused()
    await expect(page.locator("#left-out")).to_be_checked()
    await expect(page.locator("#evidence")).to_have_attribute("open", "")
    await expect(page.locator("#evidence p")).to_have_text(f"Read back {before + 1} times")
    await expect(page.locator("#part li")).to_have_count(before + 1)
    await expect(page.locator("#still")).to_have_text(f"Loaded at step {before}")
    await page.context.close()


async def test_a_tick_stays_with_its_step_when_another_goes_away_above_it(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    address, state = moving
    page = await open_page(browser, f"{address}/moving", complaints)
    await expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live")
    before = state.step
    await page.check(f"[value=step-{before + 1}]")
    state.move()
    await expect(page.locator(f"[value=step-{before + 3}]")).to_have_count(1)
    await expect(page.locator(f"[value=step-{before}]")).to_have_count(0)
    ticked = await page.eval_on_selector_all("form [name=excluded]:checked", "all => all.map(one => one.value)")
    assert ticked == [f"step-{before + 1}"]
    await expect(page.locator("[name=version]")).to_have_value(str(before + 1))
    await page.context.close()


async def test_a_page_says_when_updates_have_stopped_and_catches_up_afterwards(
    moving: tuple[str, Moving], browser: Browser
) -> None:
    address, state = moving
    page = await open_page(browser, f"{address}/moving", [])
    await expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live")
    state.stream_works = False
    await page.evaluate(
        "dispatchEvent(new PageTransitionEvent('pagehide')); dispatchEvent("
        "new PageTransitionEvent('pageshow', {persisted: true}))"
    )
    await expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "stopped")
    state.step += 1
    state.stream_works = True
    await expect(page.locator("[data-live-mark]")).to_have_attribute("data-state", "live")
    await expect(page.locator("#told")).to_have_text(f"Step {state.step}")
    await page.context.close()


async def test_search_as_you_type_shows_the_latest_answer_and_puts_no_name_in_an_address(
    moving: tuple[str, Moving], browser: Browser, complaints: list[str]
) -> None:
    address, state = moving
    page = await open_page(browser, f"{address}/moving", complaints)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.fill("#who", "Gra")
    await page.wait_for_event("request", lambda request: request.url.endswith("/search"))
    await page.fill("#who", "Grace")
    await expect(page.locator("[data-results]")).to_have_text("Found Grace")
    await expect(page.locator("#live-said")).to_have_text("One person")
    await page.wait_for_timeout(700)  # the slower, earlier answer would be here by now
    await expect(page.locator("[data-results]")).to_have_text("Found Grace")
    assert state.asked == ["Gra token results", "Grace token results"]
    assert not [url for url in asked if "Gra" in url]
    await page.context.close()


def test_every_word_of_the_domain_has_words_on_pages() -> None:
    """Read from the source, so that a word which is added there is missed here at once."""
    known = {code for vocabulary in (*VOCABULARIES.values(), PACKET_ACT) for code in vocabulary}
    # What a run was found by is said by the terminal alone.
    internal = {"*", "plan", "confirm"} | {"keyed", "freely"} | {"run_id", "name", "employee_number"}
    internal |= {"added", "removed", "order", "systems", "text"}  # a change of a packet is said in a sentence
    missing: dict[str, set[str]] = {}
    for path in sorted(Path(orchestrator.domain.__path__[0]).rglob("*.py")):
        if path.name in ("refusal_codes.py", "command_table.py"):
            # `tests/structure/test_remedies.py` checks remedies; the table has the words for each command.
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
                said = {str(n.value) for n in ast.walk(node.slice) if isinstance(n, ast.Constant)} - internal
                if path.name == "reconciliation.py":
                    said = {f"workflow_{problem}" for problem in said if problem}  # pages use the finding's words
                said -= known
                if said:
                    missing.setdefault(path.name, set()).update(said)
    assert missing == {}, "say them in orchestrator/web/words.py"


def test_every_event_and_exception_has_words_and_a_shape() -> None:
    for module in pkgutil.walk_packages(orchestrator.domain.__path__, "orchestrator.domain."):
        importlib.import_module(module.name)
    events = {event.type_name() for event in (*RUN_EVENTS, *ORGANISATION_EVENTS, *PACKET_EVENTS)}
    events |= {kind.__name__ for kind in Event.__subclasses__() if kind.__module__.startswith("orchestrator.domain.")}
    assert events <= VOCABULARIES["event"].keys(), events - VOCABULARIES["event"].keys()
    assert events <= MARKS["event"].keys(), events - MARKS["event"].keys()
    for vocabulary in ("exception", "exception_meaning"):
        assert set(ExceptionKind.__args__) == set(VOCABULARIES[vocabulary])


def test_states_of_one_kind_are_distinguished_by_their_shapes() -> None:
    for name, marks in MARKS.items():
        assert {shape for shape, _ in marks.values()} <= SHAPES.keys()
        if name in ("step", "gate", "task", "level", "phase"):
            shapes = [shape for shape, _ in marks.values()]
            assert len(shapes) == len(set(shapes)), f"two states of {name} look alike without colour"


def test_a_code_that_is_new_is_shown_as_it_is() -> None:
    assert words("moon_is_full", "code") == "Moon is full"
    assert words(None, "run") == ""
    with pytest.raises(KeyError):
        words("open", "weather")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0 s"),
        (0.2, "less than 1 s"),
        (45, "45 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (86_400, "1 day"),
        (604_800, "7 days"),
        (273_600, "3 days 4 h"),
        (timedelta(minutes=90), "1 h 30 min"),
        ("PT1H", "1 h"),
        ("P3D", "3 days"),
        (None, ""),
        (61, "1 min 1 s"),
        (-120, "2 min"),
    ],
)
def test_lengths_of_time_have_their_two_largest_parts(value: Any, told: str) -> None:
    assert durations.length(value) == told


def test_instants_are_in_the_readers_zone_with_the_persons_beside_it() -> None:
    cutoff = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert times.instant(cutoff, "Europe/Berlin") == "30 Nov 2026, 17:00 CET"
    assert times.instant("2026-11-30T16:00:00Z", "America/Sao_Paulo") == "30 Nov 2026, 13:00 UTC-03"
    assert times.instant(cutoff, "Nowhere/Land") == "30 Nov 2026, 16:00 UTC"
    assert times.beside(cutoff, "Europe/Berlin", "America/New_York") == "11:00 in New York"
    assert times.beside(cutoff, "Europe/Berlin", "Europe/Madrid") == ""
    assert times.beside(cutoff, "Europe/Berlin", "Asia/Tokyo") == "1 Dec 2026, 01:00 in Tokyo"
    assert times.iso(cutoff) == "2026-11-30T16:00:00Z"


def test_what_is_due_is_described_by_the_time_that_is_left() -> None:
    assert times.until(NOW + timedelta(hours=3), NOW) == "3 h left"
    assert times.until(NOW - timedelta(days=2, minutes=5), NOW) == "2 days late"
    assert times.ago(NOW - timedelta(seconds=2), NOW) == "just now"
    assert times.ago(NOW - timedelta(minutes=125), NOW) == "2 h 5 min ago"
    assert times.ago(NOW + timedelta(days=3), NOW) == "in 3 days"
    assert [times.timing(NOW + timedelta(hours=h), NOW) for h in (-1, 1, 30)] == ["late", "soon", None]


def test_names_are_escaped_and_a_name_that_a_page_lacks_is_an_error() -> None:
    templates = make_templates()
    shown = templates.from_string(
        '{% from "parts/people.html" import person %}{{ person({"name": name, "employee_number": none}) }}'
    ).render(name="<script>alert(1)</script>")
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown
    with pytest.raises(UndefinedError):
        templates.from_string("{{ nobody }}").render()


def test_an_erased_person_is_still_called_something() -> None:
    shown = make_templates().from_string('{% from "parts/people.html" import person %}{{ person(none) }}').render()
    assert "Erased person" in shown


def test_addresses_of_static_files_change_with_their_content() -> None:
    url = make_templates().globals["static_url"]
    assert url("offboard.css").startswith("/static/offboard.css?v=")
    assert url("offboard.css").split("=")[1] != url("parts.css").split("=")[1]
    with pytest.raises(KeyError):
        url("nowhere.css")
