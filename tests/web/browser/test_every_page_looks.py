"""Every page as people see it: light, dark and as wide as a phone, each kept as a picture. Nothing in it is wrong by
axe's rules or by the browser's own, and nothing has to be scrolled sideways, not at four times the size either.

`make test-servers` runs it (`tests/long_tests.py`).

Pictures are made and kept where OFFBOARD_SCREENSHOTS names a folder.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from orchestrator.embedded.stack import Stack
from tests.web.axe import violations
from tests.web.browser.conftest import Browsing
from tests.web.browser.furnished import PACKET, Furnished, furnish
from tests.web.overheard import Overheard
from tests.web.visitor import api, token_of

LAPTOP, PHONE, MAGNIFIED = (
    {"width": 1360, "height": 900},
    {"width": 390, "height": 844},
    {"width": 320, "height": 256},  # 1280 by 1024 at 400 % (WCAG 2.2, success criterion 1.4.10)
)

TOO_WIDE = """() => [...document.querySelectorAll('main *')]
  .filter(one => one.getBoundingClientRect().right > innerWidth && !one.closest('.scroll'))
  .map(one => one.outerHTML.slice(0, 120)).slice(-4)"""
AddressOf = Callable[[Furnished], str]
PAGES: dict[str, tuple[str | None, str | AddressOf]] = {
    "sign-in": (None, "/sign-in"),
    "inbox-of-it": ("it", "/"),
    "inbox-of-operator": ("operator", "/"),
    "inbox-empty": ("auditor", "/"),
    "inbox-everything": ("hr", "/?show=all"),
    "runs": ("hr", "/runs"),
    "runs-narrowed": ("hr", "/runs?state=open&sort=due&urgent=yes"),
    "run-waiting": ("it", lambda all: f"/runs/{all.runs['waiting']}"),
    "run-working": ("operator", lambda all: f"/runs/{all.runs['working']}"),
    "run-unclear": ("operator", lambda all: f"/runs/{all.runs['unclear']}"),
    "run-urgent": ("safety-owner", lambda all: f"/runs/{all.runs['urgent']}"),
    "run-finished": ("auditor", lambda all: f"/runs/{all.runs['finished']}"),
    "run-held": ("hr", lambda all: f"/runs/{all.runs['held']}"),
    "run-embargoed": ("hr", lambda all: f"/runs/{all.runs['embargoed']}"),
    "run-failed": ("operator", lambda all: f"/runs/{all.runs['failed']}"),
    "run-waived": ("hr", lambda all: f"/runs/{all.runs['waived']}"),
    "run-to-sign": ("it", lambda all: f"/runs/{all.runs['signing']}"),
    "run-signed": ("auditor", lambda all: f"/runs/{all.runs['restored']}"),
    "run-restoring": ("it", lambda all: f"/runs/{all.runs['restoring']}"),
    "replay": ("operator", lambda all: f"/runs/{all.runs['finished']}/replay"),
    "replay-refused": ("hr", lambda all: f"/runs/{all.runs['failed']}/replay"),
    "replay-differences": ("operator", lambda all: f"/runs/{all.runs['finished']}/replay?differences=yes"),
    "restore": ("hr", lambda all: f"/runs/{all.runs['finished']}/restore"),
    "restore-of-open-run": ("hr", lambda all: f"/runs/{all.runs['failed']}/restore"),
    "erasure": ("hr", lambda all: f"/runs/{all.runs['finished']}/erasure"),
    "erasure-refused": ("hr", lambda all: f"/runs/{all.runs['failed']}/erasure"),
    "inbox-of-finance": ("finance", "/"),
    "exceptions-of-a-system": ("operator", "/exceptions?system=cards"),
    "new-run": ("hr", "/runs/new"),
    "search": ("operator", "/search"),
    "exceptions": ("operator", "/exceptions"),
    "exceptions-closed": ("operator", "/exceptions?standing=all"),
    "packets": ("value-owner", "/packets"),
    "packet": ("safety-owner", f"/packets/{PACKET}"),
    "packet-version": ("auditor", lambda all: f"/packets/{PACKET}/versions/{all.version}"),
    "packet-owners": ("safety-owner", lambda all: f"/packets/objected/versions/{all.objected}?part=owners"),
    "packet-record": ("auditor", lambda all: f"/packets/objected/versions/{all.objected}/record"),
    "packet-shadow": ("safety-owner", lambda all: f"/packets/{PACKET}/versions/{all.version}/shadow"),
    "packet-edit": ("safety-owner", lambda all: f"/packets/{PACKET}/versions/{all.version}/edit"),
    "packet-differences": ("auditor", f"/packets/{PACKET}/differences"),
    "systems": ("operator", "/systems"),
    "ledger": ("auditor", "/ledger"),
    "outcomes": ("auditor", "/outcomes?span=365"),
    "away": ("auditor", "/away"),
    "starts": ("safety-owner", "/starts"),
    "tokens": ("safety-owner", "/tokens"),
    "assistants": ("safety-owner", "/assistants"),
    "assistant": ("safety-owner", lambda all: f"/assistants/{all.assistant}"),
    "staff": ("safety-owner", "/staff"),
    "webhooks": ("safety-owner", "/webhooks"),
    "device": ("operator", "/device"),
    "api": ("operator", "/api"),
    "refused": ("hr", "/webhooks"),
    "nowhere": ("hr", "/runs/r0000000000000000"),
}
ALIKE = {"api": "section#runs ~ section, section#runs article ~ article ~ article"}
"""On a page that is very long: parts that are like those before them, and need not be looked at as well."""
TITLES: dict[str, str] = {}
"""Of pages that were looked at, and where each is."""
REFUSED = {"refused": 403, "nowhere": 404}


@pytest.fixture(scope="module")
def pictures() -> Path | None:
    named = os.environ.get("OFFBOARD_SCREENSHOTS")
    if not named:
        return None
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest_asyncio.fixture(scope="module")
async def furnished(stack: Stack) -> AsyncIterator[Furnished]:
    made = await furnish(stack)
    yield made
    async with api(stack.url, await token_of(stack.url, "auditor")) as auditor:
        await auditor.post(f"/delegations/{made.delegation}/end")


async def looked_at(page: Page, name: str, pictures: Path | None) -> None:
    """By all of axe's rules in the light theme on a laptop and in the dark one on a phone. The page is not loaded
    again, as when a person turns a phone."""
    assert await page.locator("html").get_attribute("lang") == "en"
    await expect(page.locator("h1")).to_have_count(1)
    await kept(page, f"{name}-light", pictures)
    await nothing_wrong(page)
    await page.emulate_media(color_scheme="dark")
    await kept(page, f"{name}-dark", pictures)
    await fits(page)
    await kept(page, f"{name}-phone", pictures)
    await nothing_wrong(page)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]  # as above


async def kept(page: Page, name: str, pictures: Path | None) -> None:
    if pictures is not None:
        await page.screenshot(path=pictures / f"{name}.png", full_page=True)


async def fits(page: Page) -> None:
    """Ends as wide as a phone."""
    for size in (MAGNIFIED, PHONE):
        await page.set_viewport_size(size)  # type: ignore[arg-type]  # a dictionary like any
        wider = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, f"{wider} px wider than a screen of {size['width']} px: {await page.evaluate(TOO_WIDE)}"


async def nothing_wrong(page: Page) -> None:
    found = await violations(page)
    assert [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found] == []


class OpenPages:
    """One page for each of the staff, kept over all tests here: a new one costs more than what is tested on it."""

    def __init__(self, browsing: Browsing) -> None:
        self.browsing = browsing
        self._pages: dict[str | None, Page] = {}

    async def page_of(self, alias: str | None) -> Page:
        """On a laptop, in the light theme; without motion, since colours that fade would be half way."""
        if alias not in self._pages:
            self._pages[alias] = await self.browsing(alias, "/device", reduced_motion="reduce")
        page = self._pages[alias]
        await page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]  # a dictionary like any
        await page.emulate_media(color_scheme="light")
        return page


@pytest_asyncio.fixture(scope="module")
async def open_pages(chromium: Browser, stack: Stack, heard: Overheard) -> AsyncIterator[OpenPages]:
    browsing = Browsing(chromium, stack.url, heard)
    yield OpenPages(browsing)
    await browsing.aclose()


@pytest.mark.parametrize("name", PAGES)
async def test_a_page_is_sound_in_both_themes_and_at_every_width(
    open_pages: OpenPages, furnished: Furnished, pictures: Path | None, name: str
) -> None:
    alias, to = PAGES[name]
    complaints = open_pages.browsing.complaints
    complaints.clear()
    page = await open_pages.page_of(alias)
    answer = await page.goto(to if isinstance(to, str) else to(furnished))
    assert answer is not None and answer.status == REFUSED.get(name, 200)
    title = await page.title()
    assert title.endswith(" · Offboard") and len(title) > len(" · Offboard")
    place = "refused" if name in REFUSED else urlsplit(page.url).path.split("/")[1]
    assert TITLES.setdefault(title, place) == place, "another page has this title"
    if name in ALIKE:
        await fits(page)
        await page.evaluate("alike => document.querySelectorAll(alike).forEach(one => one.remove())", ALIKE[name])
        await page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]  # as above
    await looked_at(page, name, pictures)
    await open_pages.browsing.hear(page)
    if name in REFUSED:  # Chromium says so of every page whose status is an error
        complaints[:] = [said for said in complaints if "the server responded with" not in said]
    assert complaints == []


async def test_text_that_is_hard_to_read_is_found_among_what_looks_alike(chromium: Browser) -> None:
    page = await chromium.new_page()
    row = "<tr><td>Grace <b>Hopper</b></td><td style='{}'>of <i>IT</i></td></tr>"
    rows = [row.format(style) for style in ("", "", "color: #aaa", "color: #aaa", "background: #222", "")]
    await page.set_content(f"<main><h1>People</h1><table><tbody>{''.join(rows)}</tbody></table></main>")
    pale = [node["html"] for one in await violations(page) if one["id"] == "color-contrast" for node in one["nodes"]]
    of = '<td style="{}">of <i>IT</i></td>'
    assert sorted(pale) == ["<i>IT</i>", "<i>IT</i>", of.format("background: #222"), of.format("color: #aaa")]
    await page.close()


async def test_a_search_from_the_header_is_sound(
    browsing: Browsing, furnished: Furnished, pictures: Path | None
) -> None:
    page = await browsing("operator", "/exceptions", reduced_motion="reduce")
    field = page.get_by_role("searchbox", name="Search runs and exceptions")
    await field.fill("achterstrand bjo")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Björn Achterstrand", exact=True)).to_have_attribute(
        "href", f"/runs/{furnished.runs['working']}"
    )
    await expect(page.get_by_label("Search for")).to_have_value("achterstrand bjo")
    assert page.url.endswith("/search")
    await looked_at(page, "search-results", pictures)


async def test_a_new_run_is_sound_in_each_of_its_steps(
    browsing: Browsing, furnished: Furnished, pictures: Path | None
) -> None:
    page = await browsing("hr", "/runs/new", reduced_motion="reduce")
    await page.get_by_label("Person", exact=True).press_sequentially("lindaroza")  # two of one name
    await expect(page.locator("[data-results] .person").first).to_be_visible()
    await looked_at(page, "new-run-people", pictures)
    await page.get_by_label("Person", exact=True).fill("Undertreeholm")
    await page.get_by_role("button", name="Philippa Undertreeholm").click()
    await page.get_by_text("Restrict who can see this run").click()
    await looked_at(page, "new-run-terms", pictures)
    await page.get_by_label("Access ends").fill("2030-03-31T02:30")
    await page.get_by_label("Time zone").select_option("Europe/Berlin")  # where clocks skip that hour
    await page.get_by_role("button", name="Preview").click()
    await expect(page.locator(".error-summary")).to_be_visible()
    await looked_at(page, "new-run-fault", pictures)
    await page.get_by_label("Access ends").fill("2030-03-31T18:30")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_role("button", name="Start run")).to_be_visible()
    await looked_at(page, "new-run-preview", pictures)
    # Chromium says so of every answer whose status is an error: the form that was sent with what cannot be.
    browsing.complaints[:] = [said for said in browsing.complaints if "status of 422" not in said]


async def test_a_preview_whose_questions_can_be_settled_is_sound_and_answered_by_keyboard(
    browsing: Browsing, furnished: Furnished, pictures: Path | None
) -> None:
    page = await browsing("operator", "/runs/new", reduced_motion="reduce")
    await page.get_by_label("Person", exact=True).press_sequentially("Undertreeholm")
    await page.get_by_role("button", name="Philippa Undertreeholm").click()
    await page.get_by_label("Access ends").fill("2030-03-31T18:30")
    await page.get_by_role("button", name="Preview").click()
    question = page.get_by_role("group", name="Which of these accounts belong to the person?")
    await expect(question.get_by_role("checkbox")).to_have_count(3)
    await looked_at(page, "new-run-settling", pictures)
    await question.get_by_role("checkbox").first.focus()
    await page.keyboard.press("Space")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")  # in a box it starts no run
    await expect(page.locator("h1")).to_have_text("Philippa Undertreeholm")
    await expect(question.get_by_role("checkbox").first).to_be_checked()
    await question.get_by_label("None of these").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Asked their line manager.")
    await page.get_by_role("button", name="Start run").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".error-summary")).to_be_visible()
    await expect(page.get_by_label("Justification")).to_have_value("Asked their line manager.")
    await looked_at(page, "new-run-settling-fault", pictures)
    await page.locator(".error-summary a").focus()
    await page.keyboard.press("Enter")
    await expect(question).to_be_focused()
    browsing.complaints[:] = [said for said in browsing.complaints if "status of 422" not in said]


async def test_nothing_moves_for_people_who_prefer_reduced_motion(browsing: Browsing, furnished: Furnished) -> None:
    moving = """() => [...document.querySelectorAll('*')].filter(one => {
      const style = getComputedStyle(one);
      return style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0;
    }).length"""
    for wish, moves in (("reduce", False), ("no-preference", True)):
        page = await browsing("it", "/", reduced_motion=wish)
        assert (await page.evaluate(moving) > 0) is moves, wish


async def test_printing_opens_every_fold_and_closes_it_again(browsing: Browsing, furnished: Furnished) -> None:
    page = await browsing("auditor", f"/runs/{furnished.runs['finished']}")
    closed = page.locator("details.fold:not([open])")
    before = await closed.count()
    assert before > 0
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await expect(closed).to_have_count(0)
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await expect(closed).to_have_count(before)


async def test_the_current_tab_and_page_are_seen_in_forced_colours(browsing: Browsing, furnished: Furnished) -> None:
    page = await browsing("hr", "/runs", forced_colors="active")
    line = "one => getComputedStyle(one).borderBottomColor"
    current = await page.locator(".tabs a[aria-current]").first.evaluate(line)
    other = await page.locator(".tabs a:not([aria-current])").first.evaluate(line)
    assert current != other
    shown = "one => getComputedStyle(one, '::after').backgroundColor"
    mark = await page.locator(".navigation a[aria-current]").first.evaluate(shown)
    assert mark != await page.evaluate("getComputedStyle(document.body).backgroundColor")


async def test_the_reference_of_the_api_keeps_the_navigation(browsing: Browsing) -> None:
    page = await browsing("auditor", "/api")
    await expect(page.get_by_role("navigation", name="Main").first).to_be_visible()


async def test_a_refused_form_returns_to_its_item_and_names_it(browsing: Browsing, furnished: Furnished) -> None:
    """On a phone too, where the item is far below the top of the page."""
    path = f"/runs/{furnished.runs['waiting']}"
    page = await browsing("operator", path, viewport={"width": 390, "height": 844})
    fold = page.locator("details", has_text="Complete task").last
    await fold.locator("summary").click()
    await fold.get_by_role("button", name="Mark as done").click()
    card = page.locator("li.card:target")
    await expect(card).to_be_in_viewport()
    assert page.url.partition("#")[0].endswith(path), "not the address of the form"
    title = await card.get_by_role("heading").inner_text()
    notice = page.get_by_role("alert")
    await expect(notice).to_be_in_viewport()
    await expect(notice.get_by_role("link", name=title)).to_be_visible()
    assert [said for said in browsing.complaints if "422" not in said] == []
    browsing.complaints.clear()  # Chromium reports the refusal itself
