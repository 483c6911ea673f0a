"""Someone at a browser without JavaScript, and a program with a token: what tests of pages and API go through."""

from __future__ import annotations

import functools
import html
import re
import time
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


class SignIns:
    """Sessions and tokens of the staff at one address, which tests share: a sign-in starts a workflow that queries HR,
    and takes a tenth of a second of processor time. After a request that may end one (signing in or out, ending
    sessions, revoking tokens) all sign in again."""

    KEPT_SECONDS = 120.0
    """Well below the five minutes for which a sign-in is recent."""
    _ENDS = re.compile(r"/(sign-in|sign-out|staff|tokens|device)\b")

    def __init__(self, url: str) -> None:
        self.url = url
        self._cookies: dict[str, tuple[float, httpx.Cookies]] = {}
        self._tokens: dict[str, tuple[float, str]] = {}

    async def sign_in(self, visitor: Visitor, alias: str) -> None:
        since, cookies = self._cookies.get(alias, (0.0, None))
        if cookies is None or time.monotonic() > since + self.KEPT_SECONDS:
            await visitor.sign_in(alias)
            self._cookies[alias] = (time.monotonic(), httpx.Cookies(visitor.cookies))
        else:
            visitor.cookies.update(cookies)
        visitor.event_hooks["request"].append(self._watch)

    async def token(self, alias: str) -> str:
        since, token = self._tokens.get(alias, (0.0, None))
        if token is None or time.monotonic() > since + self.KEPT_SECONDS:
            token = await token_of(self.url, alias)
            self._tokens[alias] = (time.monotonic(), token)
        return token

    async def program(self, alias: str) -> httpx.AsyncClient:
        client = api(self.url, await self.token(alias))
        client.event_hooks["request"].append(self._watch)
        return client

    def forget(self) -> None:
        self._cookies.clear()
        self._tokens.clear()

    async def _watch(self, request: httpx.Request) -> None:
        if request.method != "GET" and self._ENDS.search(request.url.path):
            self.forget()


@functools.cache
def sign_ins_at(url: str) -> SignIns:
    return SignIns(url)


async def token_of(url: str, alias: str) -> str:
    """A token that acts as one of the small company's staff."""
    async with httpx.AsyncClient(base_url=url, timeout=90, verify=False) as client:
        answer = await client.post("/api/v1/sign-in/local", json={"alias": alias})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])


def api(url: str, token: str) -> httpx.AsyncClient:
    """A program that calls the API with this token."""
    return httpx.AsyncClient(
        base_url=f"{url}/api/v1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=90,
        follow_redirects=False,
        verify=False,
    )
