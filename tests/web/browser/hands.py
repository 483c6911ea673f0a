"""Two ways to work a page: with a mouse, and with nothing but a keyboard."""

from __future__ import annotations

from typing import Protocol

from playwright.async_api import Locator, expect

FARTHEST = 150
"""Tab stops to anything on a page: users give up after that."""
_REACHED = """wanted => {
  const one = document.querySelector(':focus'), before = window.tabbedFrom;
  window.tabbedFrom = one;
  if (!one) return {reached: false, focus: null};  // past the last one, on the way to the first
  const style = getComputedStyle(one), outer = one.getBoundingClientRect();
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const following = Node.DOCUMENT_POSITION_FOLLOWING;
  return {reached: one === wanted, focus: {
    ring: ring || style.boxShadow !== 'none',
    within: outer.bottom > 0 && outer.top < innerHeight && outer.width > 0 && outer.height > 0,
    forward: !before || !before.isConnected || !!(before.compareDocumentPosition(one) & following),
    what: one.outerHTML.slice(0, 120),
  }};
}"""
"""Where the focus is. One question for each tab stop: each takes the browser and its driver some milliseconds."""


class Hand(Protocol):
    async def press(self, one: Locator) -> None: ...
    async def tick(self, one: Locator) -> None: ...
    async def untick(self, one: Locator) -> None: ...
    async def write(self, one: Locator, text: str) -> None: ...
    async def set_time(self, one: Locator) -> None: ...


class Mouse:
    async def press(self, one: Locator) -> None:
        await one.click()

    async def tick(self, one: Locator) -> None:
        await one.check()

    async def untick(self, one: Locator) -> None:
        await one.uncheck()

    async def write(self, one: Locator, text: str) -> None:
        await one.press_sequentially(text)

    async def set_time(self, one: Locator) -> None:
        """Nine in the morning of the first of January 2026."""
        await one.fill("2026-01-01T09:00")


class Keyboard:
    """Tab to it, and see on the way that where one is can be seen and that one gets on from top to bottom."""

    async def press(self, one: Locator) -> None:
        await self._reach(one)
        await one.page.keyboard.press("Enter")

    async def tick(self, one: Locator) -> None:
        await self._reach(one)
        await one.page.keyboard.press("Space")
        await expect(one).to_be_checked()

    async def untick(self, one: Locator) -> None:
        await self._reach(one)
        await one.page.keyboard.press("Space")
        await expect(one).not_to_be_checked()

    async def write(self, one: Locator, text: str) -> None:
        await self._reach(one)
        await one.page.keyboard.type(text)

    async def set_time(self, one: Locator) -> None:
        """Day and month are the same number, so that their order does not matter; the last letter is for clocks of
        twelve hours."""
        await self._reach(one)
        for keys in ("0101", "2026", "ArrowRight", "0900", "a"):
            await (one.page.keyboard.press(keys) if keys == "ArrowRight" else one.page.keyboard.type(keys))
        await expect(one).to_have_value("2026-01-01T09:00")

    async def _reach(self, one: Locator) -> None:
        await expect(one).to_be_visible()
        page = one.page
        await page.evaluate("window.tabbedFrom = null")
        if await one.evaluate("one => one === document.activeElement"):
            return
        for _ in range(FARTHEST):
            await page.keyboard.press("Tab")
            seen = await one.evaluate(_REACHED)
            if focus := seen["focus"]:
                assert focus["ring"] and focus["within"], f"the focus cannot be seen on {focus['what']}"
                assert focus["forward"], f"the focus goes backwards to {focus['what']}"
            if seen["reached"]:
                return
        raise AssertionError(f"{one} is not reached within {FARTHEST} tab stops")
