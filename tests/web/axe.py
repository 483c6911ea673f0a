"""What axe finds wrong with a page, by all of its rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_AXE = Axe().axe_script
_ALIKE_ELEMENTS = (Path(__file__).parent / "alike.js").read_text()
_RULES = f"""async () => {{
  const contrast = 'color-contrast', resultTypes = ['violations'];
  const others = await axe.run({{resultTypes, rules: {{[contrast]: {{enabled: false}}}}}});
  const exclude = ({_ALIKE_ELEMENTS})();
  return [...others.violations, ...(await axe.run({{exclude}}, {{resultTypes, runOnly: [contrast]}})).violations];
}}"""
"""Contrast takes axe three quarters of its time; it is computed once for elements that look alike."""


async def violations(page: Page) -> list[dict[str, Any]]:
    """As axe describes them: `id`, `help`, `nodes` with `html` and `target`. axe is loaded once for each page."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(_AXE)
    found: list[dict[str, Any]] = await page.evaluate(_RULES)
    return found
