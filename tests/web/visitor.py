"""Someone at a browser without JavaScript, and a program with a token: what tests of pages and API go through."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

import httpx

CSRF = re.compile(r'name="csrf" value="([^"]+)"')


class Visitor(httpx.AsyncClient):
    """`await visitor.sign_in("hr")`, then pages by `get` and forms by `submit`. Redirects are followed."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, follow_redirects=True, timeout=90, verify=False)

    async def sign_in(self, alias: str, to: str = "/device") -> httpx.Response:
        answer = await self.post("/sign-in/local", data={"alias": alias, "to": to})
        assert answer.status_code == 200, answer.text
        return answer

    async def csrf(self, page: str = "/device") -> str:
        """The secret that the session's forms repeat, as a page has it."""
        found = CSRF.search((await self.get(page)).text)
        assert found is not None, f"{page} has no form"
        return html.unescape(found[1])

    async def submit(
        self, path: str, fields: Mapping[str, Any] | None = None, *, page: str = "/device"
    ) -> httpx.Response:
        """Sends a form, with the secret that `page` has for it."""
        return await self.post(path, data={"csrf": await self.csrf(page), **(fields or {})})


async def token_of(url: str, alias: str) -> str:
    """A token that acts as one of the small company's staff."""
    async with httpx.AsyncClient(base_url=url, timeout=90, verify=False) as client:
        answer = await client.post("/api/v1/sign-in/local", json={"alias": alias})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])


def api(url: str, token: str) -> httpx.AsyncClient:
    """A program that calls the API with this token."""
    return httpx.AsyncClient(
        base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=90, follow_redirects=False,
        verify=False,
    )  # fmt: skip
