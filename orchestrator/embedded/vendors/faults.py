"""What can go wrong between a simulator and its client, one request or many, in the vendor's own form.

    okta.faults.limit(path="/users", times=2)
    okta.faults.lose_reply("POST", "/lifecycle/suspend")

`method` and `path` choose the requests: the method as it is, and a regular expression that is searched in the path. The
fault strikes the first `times` such requests after the first `after` of them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response

from orchestrator.embedded.vendors.serving import ConnectionCut

Carry = Callable[[], Awaitable[Response]]
"""Carries the request out and returns the answer."""


class VendorForms(Protocol):
    """The vendor's forms of general failures."""

    def limited(self) -> Response: ...
    def limited_as_forbidden(self) -> Response: ...
    def broken(self, status: int) -> Response: ...
    def expired(self) -> Response: ...


@dataclass
class InjectedFault:
    method: str
    path: str
    times: int
    after: int
    strike: Callable[[VendorForms, Carry], Awaitable[Response]]
    answer: Callable[[VendorForms], Response] | None = None
    """Of a fault that only answers: such a one can also strike a request within a batch."""

    def strikes(self, method: str, path: str) -> bool:
        if self.method not in ("", method) or not re.search(self.path, path) or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """`struck` counts the requests that a fault changed."""

    def __init__(self) -> None:
        self._faults: list[InjectedFault] = []
        self._hidden: list[tuple[str, str]] = []
        self._denied_silently: list[str] = []
        self._unfiltered: list[str] = []
        self.struck = 0
        self.stale_reads: list[InjectedFault] = []

    def limit(self, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """The vendor's answer to too many requests; nothing is carried out."""
        self._answer(method, path, times, after, lambda forms: forms.limited())

    def limit_as_forbidden(self, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """A limit that the vendor reports with 403; only where it does."""
        self._answer(method, path, times, after, lambda forms: forms.limited_as_forbidden())

    def break_down(
        self, method: str = "", path: str = "", *, status: int = 503, times: int = 1, after: int = 0
    ) -> None:
        """A failure of the vendor's servers; nothing is carried out."""
        self._answer(method, path, times, after, lambda forms: forms.broken(status))

    def expire(self, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """The vendor refuses the token as expired; nothing is carried out."""
        self._answer(method, path, times, after, lambda forms: forms.expired())

    def lose_reply(self, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """The request is carried out, and the connection is closed before the answer."""

        async def strike(_: VendorForms, carry: Carry) -> Response:
            await carry()
            raise ConnectionCut

        self._faults.append(InjectedFault(method, path, times, after, strike))

    def cut(self, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """The connection is closed, and nothing is carried out."""

        async def strike(_: VendorForms, __: Carry) -> Response:
            raise ConnectionCut

        self._faults.append(InjectedFault(method, path, times, after, strike))

    def slow_down(self, seconds: float, method: str = "", path: str = "", *, times: int = 1, after: int = 0) -> None:
        """The request is carried out, and the answer comes this much later."""

        async def strike(_: VendorForms, carry: Carry) -> Response:
            response = await carry()
            await asyncio.sleep(seconds)
            return response

        self._faults.append(InjectedFault(method, path, times, after, strike))

    def stay_stale(self, path: str = "", *, reads: int = 1) -> None:
        """After the next change, the first `reads` GET requests for such a path show the state before it: for reads
        that the vendor documents as eventually consistent."""
        self.stale_reads.append(InjectedFault("GET", path, reads, 0, _unused))

    def hide_list(self, path: str, condition: str = "") -> None:
        """From now on such a list is answered as empty, without an error: a filter that does not work, or entries that
        the credential may not see. `condition` is searched in the values of the query."""
        self._hidden.append((path, condition))

    def hidden(self, path: str, values: Iterable[str]) -> bool:
        asked = " ".join(values)
        return any(re.search(each, path) and re.search(condition, asked) for each, condition in self._hidden)

    def empty_if_denied(self, path: str) -> None:
        """From now on such a list is answered as empty, and not refused, if the credential may not read it."""
        self._denied_silently.append(path)

    def denied_silently(self, path: str) -> bool:
        return any(re.search(each, path) for each in self._denied_silently)

    def ignore_filter(self, path: str) -> None:
        """From now on a condition on such a list is ignored."""
        self._unfiltered.append(path)

    def unfiltered(self, path: str) -> bool:
        return any(re.search(each, path) for each in self._unfiltered)

    @property
    def pending(self) -> list[str]:
        """The faults that have not struck as often as they should."""
        return [f"{fault.method} {fault.path}".strip() for fault in self._faults if fault.times]

    def next_for(self, method: str, path: str) -> InjectedFault | None:
        for fault in self._faults:
            if fault.strikes(method, path):
                self.struck += 1
                return fault
        return None

    def _answer(
        self, method: str, path: str, times: int, after: int, answer: Callable[[VendorForms], Response]
    ) -> None:
        async def strike(forms: VendorForms, _: Carry) -> Response:
            return answer(forms)

        self._faults.append(InjectedFault(method, path, times, after, strike, answer))


async def _unused(_: VendorForms, carry: Carry) -> Response:
    return await carry()
