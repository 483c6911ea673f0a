"""A leaver, seen off by the people whose work it is, each in a browser of their own: with a mouse, with nothing but a
keyboard, and without JavaScript."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import hired
from tests.web.browser.conftest import Browsing
from tests.web.browser.hands import Hand, Keyboard, Mouse

LEFT_OUT = "Freeze the company cards"


@dataclass(frozen=True, slots=True)
class UserInBrowser:
    """Someone's browser. Without JavaScript they look again by hand; with it the page is never loaded again."""

    page: Page
    hand: Hand
    script: bool

    async def sit_down(self, alias: str, to: str = "/") -> None:
        await self.page.goto(f"/sign-in?to={to}")
        await self.hand.press(self.page.get_by_role("button", name=re.compile(rf"^{alias}\b")))
        await expect(self.page.get_by_role("navigation", name="Main")).to_be_visible()

    async def wait_here(self) -> None:
        """From now on this very document is looked at."""
        if self.script:
            await expect(self.page.locator("[data-live-mark]")).to_have_attribute("data-state", "live")
            await self.page.evaluate("window.sameDocument = true")

    async def see(self, one: Locator, visible: bool = True) -> None:
        if self.script:
            await expect(one).to_be_visible(visible=visible)
            assert await self.page.evaluate("window.sameDocument === true"), "the page was loaded anew"
            return
        for _ in range(40):
            await self.page.reload()
            if await one.is_visible() is visible:
                return
            await self.page.wait_for_timeout(250)
        raise AssertionError(f"{one} never showed")

    def card(self, what: str, person: str) -> Locator:
        """In a list; on a run's own page it has no name."""
        return (
            self.page.locator("li.card")
            .filter(has=self.page.locator(".card-head", has_text=what))
            .filter(has_text=person)
        )

    async def open(self, fold: Locator) -> None:
        await self.hand.press(fold)

    async def told(self, text: str) -> None:
        await expect(self.page.locator(".notices")).to_contain_text(text)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["mouse", "keyboard", "without script"])
async def test_hr_starts_it_decides_an_operator_settles_and_each_page_moves_by_itself(
    browsing: Browsing, stack: Stack, way: str
) -> None:
    person = await hired(
        stack,
        ["two_code_accounts"],
        given_name="Zephyrine",
        family_name=f"Mandelkern{way[0].upper()}",
        email=f"zephyrine.{way[0]}@wolkenmuehle.example",
        employee_number=f"S-{way[0].upper()}",
    )
    script = way != "without script"
    hand: Hand = Keyboard() if way == "keyboard" else Mouse()
    how: dict[str, Any] = {} if script else {"java_script_enabled": False}
    if way != "mouse":
        how["reduced_motion"] = "reduce"  # what changed is not marked by a fading colour, which each frame draws again
    hr, it, operator = [UserInBrowser(await browsing(**how), hand, script) for _ in range(3)]
    await it.sit_down("it")
    await it.wait_here()
    await operator.sit_down("operator", "/exceptions")
    await operator.wait_here()

    # HR finds the person, says when, looks, and starts.
    await hr.sit_down("hr")
    await hand.press(hr.page.get_by_role("navigation", name="Main").get_by_role("link", name="New run"))
    await hand.write(hr.page.get_by_label("Person", exact=True), person.family_name.lower())
    if not script:
        await hand.press(hr.page.get_by_role("button", name="Search"))
    await hand.press(hr.page.get_by_role("button", name=person.name))
    await expect(hr.page.get_by_role("heading", level=1)).to_have_text("When and how")
    await hand.set_time(hr.page.get_by_label("Access ends"))
    await hand.press(hr.page.get_by_role("button", name="Preview"))
    await expect(hr.page.get_by_role("heading", level=1)).to_have_text(person.name)
    await expect(hr.page.locator("#open")).to_contain_text("Code hosting")
    await expect(hr.page.locator("#steps")).to_contain_text("Disable the sign-in account")
    assert person.family_name not in hr.page.url
    await expect(it.card("Remove access", person.name)).to_have_count(0)
    await hand.press(hr.page.get_by_role("button", name="Start run"))
    await expect(hr.page.get_by_role("heading", level=1)).to_contain_text(person.name)
    await hr.wait_here()

    # It comes to IT and to the operator by itself; IT leaves one step out.
    card = it.card("Remove access", person.name)
    await it.see(card)
    await it.open(card.get_by_text("Review or exclude steps"))
    await expect(card.locator(".excluded-words:visible")).to_have_count(0)
    await hand.untick(card.get_by_role("checkbox", name=re.compile(f"^{LEFT_OUT}")))
    await expect(card.locator(".excluded-words:visible")).to_have_count(1)  # what it blocks, before anything is sent
    await hand.write(card.get_by_label("Reason").first, "They share it with the team.")
    await hand.press(card.get_by_role("button", name="Approve ticked steps"))
    await it.told("Approved")
    await expect(it.card("Remove access", person.name)).to_have_count(0)

    # HR sees the decision and what follows from it, without doing anything.
    await hr.see(hr.page.locator("#run-happened").get_by_text("They share it with the team."))
    await hr.see(hr.page.locator("#run-plan tr", has_text="Disable the sign-in account").get_by_text("Verified"))

    # The operator says whose the account is, and leaves the excluded step out for good.
    card = operator.card("Several possible matches", person.name)
    await operator.see(card)
    await hand.tick(card.get_by_role("checkbox").first)
    await hand.write(card.get_by_label("Justification"), "Asked their line manager.")
    await hand.press(card.get_by_role("button", name="Confirm selected"))
    await operator.told("account match confirmed")
    await expect(operator.card("Several possible matches", person.name)).to_have_count(0)
    await hr.see(hr.page.locator("#run-plan tr", has_text="Suspend the code hosting account"))
    card = operator.card("Step excluded from approval", person.name)
    await operator.open(card.get_by_text("Skip step", exact=False).and_(operator.page.locator("summary")))
    await hand.write(card.get_by_label("Reason", exact=True), "Finance looks after the shared card.")
    await hand.press(card.get_by_role("button", name="Skip step"))
    await operator.told("skipped")

    # What was found meanwhile comes to IT again, and nothing of what was decided does.
    await it.wait_here()
    card = it.card("Remove access", person.name)
    await it.see(card)
    await hand.press(card.get_by_role("button", name="Approve all"))
    await it.told("Approved")
    await hr.see(hr.page.locator("#run-plan tr", has_text="Suspend the code hosting account").get_by_text("Verified"))
    if way == "mouse":
        await _to_the_end(browsing, hand, it, operator, hr, person.name)


async def _to_the_end(
    browsing: Browsing, hand: Hand, it: UserInBrowser, operator: UserInBrowser, hr: UserInBrowser, name: str
) -> None:
    """HR confirms the account that stays open, money and deletion are approved, and every task is done."""
    kept = hr.page.locator("#run-waiting li.card").filter(has_text="Access kept open")
    await hand.write(kept.get_by_label("Justification").last, "It is their colleague's.")
    await hand.press(kept.get_by_role("button", name="Accept"))
    await hr.told("Accepted")
    await hr.wait_here()

    finance = UserInBrowser(await browsing(), hand, True)
    await finance.sit_down("finance")
    for desk, what in ((finance, "Final pay and company cards"), (it, "Licences and deletions")):
        await hand.press(desk.card(what, name).get_by_role("button", name="Approve").first)
        await desk.told("Approved")
    await operator.page.goto(hr.page.url)
    for _ in range(4):
        await operator.wait_here()
        card = operator.page.locator("#run-waiting li.card").filter(has_text="Task").first
        await operator.see(card)
        await operator.open(card.get_by_text("Complete task"))
        await hand.write(card.get_by_role("textbox"), "Done with their line manager.")
        await hand.press(card.get_by_role("button", name="Mark as done"))
        await operator.told("done")
    await hr.see(hr.page.locator("#run-head").get_by_text("Completed with exceptions").first)
