"""The contents of a page's forms, and a new run's way through its pages, as a browser without JavaScript goes it."""

from __future__ import annotations

import asyncio
import html
import re
from typing import Any

import httpx

from orchestrator.embedded.company.people import Employee
from tests.web.visitor import Visitor

WITHIN = 40.0  # seconds
PACKET = "standard-leaver"
CUTOFF = "2027-06-30T17:00"
_REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')


def value_of(page: str, name: str) -> str:
    """What a hidden field or a button of this name holds; the first where there are several."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no {name} on the page"
    return html.unescape(found[1])


def name_of(person: Employee) -> str:
    """As HR tells it."""
    return f"{person.given_name} {person.family_name}"


def heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert found is not None, page[:2000]
    return html.unescape(found[1]).strip()


async def choose(visitor: Visitor, person: Employee) -> httpx.Response:
    """Finds the person and chooses them: the page that asks when."""
    found = await visitor.submit("/runs/new/people", {"packet": PACKET, "text": person.employee_number})
    assert found.status_code == 200 and name_of(person) in html.unescape(found.text), found.text
    return await visitor.submit("/runs/new/terms", {"draft": value_of(found.text, "draft")})


async def look_ahead(visitor: Visitor, person: Employee, **fields: Any) -> httpx.Response:
    """Goes on to the preview, or to where that is refused."""
    terms = await choose(visitor, person)
    asked = {"packet": PACKET, "when": "planned", "cutoff": CUTOFF, "zone": "Europe/Berlin", **fields}
    return await followed(
        visitor, await visitor.submit("/runs/new/preview", {"draft": value_of(terms.text, "draft"), **asked})
    )


async def followed(visitor: Visitor, page: httpx.Response) -> httpx.Response:
    """As a browser follows a page that loads the next one at once."""
    async with asyncio.timeout(WITHIN):
        while (further := _REFRESH.search(page.text)) is not None:
            page = await visitor.get(html.unescape(further[1]))
    return page


async def start(visitor: Visitor, person: Employee, **fields: Any) -> httpx.Response:
    """Previews and starts; where the browser ends up."""
    preview = await look_ahead(visitor, person, **fields)
    assert preview.status_code == 200 and "Start the run" in preview.text, preview.text
    return await visitor.submit(preview.url.path)
