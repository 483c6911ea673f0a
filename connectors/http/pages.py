"""Paging of lists: by Link header, by the next page's address, by cursor, by page token, or by offset and total.

Each is a small object that says what the first request asks for, which items an answer holds, and which request
follows. `connectors.http.flows.all_pages` walks them to the end. Whether the next address is on an allowed host is
checked where requests are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import httpx

from connectors.errors import ActionRequiredError
from connectors.http.requests import Answer, Request
from connectors.network.hosts import read_url

MAX_ITEMS = 20_000
"""A list with more items than this is taken for a system that never ends its pages."""
MAX_PAGES = 1_000
MAX_EMPTY_PAGES = 50
"""In a row. Systems that filter after they have cut pages send empty ones, but not that many."""
_MAX_LINK_CHARACTERS = 16_384
# RFC 8288 section 3: <address>; parameter=value; parameter="value", <address> ...
# The quantifiers are possessive (`*+`), so that matching takes linear time whatever a system sends.
_LINK = re.compile(r'<([^<>]*+)>((?:\s*+;\s*+[\w!#$&+.^`|~-]++\*?+\s*+(?:=\s*+(?:"(?:[^"\\]|\\.)*+"|[^\s,;"]*+))?+)*+)')
_LINK_PARAMETER = re.compile(r';\s*+([\w!#$&+.^`|~-]++\*?+)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s,;"]*+))')


class Pages(Protocol):
    """One way of paging. All methods raise `ActionRequiredError("answer_not_understood")` for an answer that does not
    have the expected form."""

    @property
    def max_items(self) -> int: ...

    def first(self, request: Request) -> Request:
        """The request for the first page."""
        ...

    def items(self, answer: Answer) -> list[Any]:
        """The items of one page."""
        ...

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        """The request for the page after the one with `count` items, None after the last."""
        ...


class _ListInBody:
    """Pages whose first request is the list's own, and whose items are at `items_at` in the body."""

    __slots__ = ()
    items_at: tuple[str, ...]

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        return _list_at(answer.body, self.items_at)


@dataclass(frozen=True, slots=True)
class LinkHeader(_ListInBody):
    """The address of the next page is in the Link header with the relation `next` (RFC 8288). `items_at` is the path
    of keys to the list in the body, empty where the body is the list."""

    items_at: tuple[str, ...] = ()
    max_items: int = MAX_ITEMS

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        return _following(request, answer, next_link(answer.headers.get("link", "")))


@dataclass(frozen=True, slots=True)
class NextUrl(_ListInBody):
    """The address of the next page is in the body, such as Microsoft Graph's `@odata.nextLink`."""

    next_at: tuple[str, ...]
    items_at: tuple[str, ...] = ()
    max_items: int = MAX_ITEMS

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        return _following(request, answer, _text_at(answer.body, self.next_at))


@dataclass(frozen=True, slots=True)
class Cursor(_ListInBody):
    """A cursor or page token is in the body and goes into the query parameter `parameter` of the next request."""

    next_at: tuple[str, ...]
    parameter: str
    items_at: tuple[str, ...] = ()
    max_items: int = MAX_ITEMS

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        cursor = _text_at(answer.body, self.next_at)
        return request.with_params(**{self.parameter: cursor}) if cursor else None


@dataclass(frozen=True, slots=True)
class Offset:
    """Pages are asked for by the position of their first item. A system may send fewer items than asked for, so the
    next position is counted from what came; the list ends at the total, or, where `total_at` is empty, at an empty
    page. `missing_items_ok`: the list may be left out where it is empty (RFC 7644 section 3.4.2)."""

    items_at: tuple[str, ...]
    total_at: tuple[str, ...]
    start_parameter: str = "startAt"
    size_parameter: str = "maxResults"
    size: int = 100
    first_position: int = 0
    missing_items_ok: bool = False
    max_items: int = MAX_ITEMS

    def first(self, request: Request) -> Request:
        asked = {self.start_parameter: str(self.first_position), self.size_parameter: str(self.size)}
        return replace(request, params={**request.params, **asked})

    def items(self, answer: Answer) -> list[Any]:
        if self.missing_items_ok and _value_at(answer.body, self.items_at) is None and isinstance(answer.body, dict):
            return []
        return _list_at(answer.body, self.items_at)

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        position = int(request.params[self.start_parameter]) + count
        if self.total_at:
            total = _value_at(answer.body, self.total_at)
            if not isinstance(total, int) or isinstance(total, bool) or total < 0:
                raise not_understood(f"A page has no total in {'.'.join(self.total_at)} of its items.")
            if position - self.first_position >= total:
                return None
            if count == 0:
                raise not_understood(f"A list of {total} items ended after {position - self.first_position}.")
        elif count == 0:
            return None
        return request.with_params(**{self.start_parameter: str(position)})


def next_link(header: str) -> str | None:
    """The address with the relation `next` in a Link header (RFC 8288 section 3), None where there is none. A header
    may hold several links, and a link several relations (section 3.3). Raises
    `ActionRequiredError("answer_not_understood")` for a header that is too long."""
    if len(header) > _MAX_LINK_CHARACTERS:
        raise not_understood(f"The Link header is longer than {_MAX_LINK_CHARACTERS} characters.")
    for match in _LINK.finditer(header):
        parameters: Mapping[str, str] = {
            name.lower(): quoted or plain for name, quoted, plain in reversed(_LINK_PARAMETER.findall(match[2]))
        }
        if "next" in parameters.get("rel", "").lower().split():
            return match[1]
    return None


def _following(request: Request, answer: Answer, address: str | None) -> Request | None:
    """The request for an address that an answer named. The address holds all parameters."""
    if not address:
        return None
    url = read_url(address, httpx.URL(answer.url) if answer.url else None)
    if url is None:
        raise not_understood("The address of the next page is invalid.")
    return replace(request, path=(), url=str(url), params={})


def _value_at(body: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _list_at(body: Any, keys: tuple[str, ...]) -> list[Any]:
    items = _value_at(body, keys)
    if not isinstance(items, list):
        raise not_understood(f"A page has no list{' in ' + '.'.join(keys) if keys else ''}.")
    return items


def _text_at(body: Any, keys: tuple[str, ...]) -> str | None:
    for depth in range(len(keys)):
        if not isinstance(_value_at(body, keys[:depth]), dict | None):
            raise not_understood(f"A page is of another form, and {'.'.join(keys)} cannot be read in it.")
    text = _value_at(body, keys)
    if text is not None and not isinstance(text, str):
        raise not_understood(f"{'.'.join(keys)} of a page is not text, so it does not name the next page.")
    return text or None


def not_understood(what: str) -> ActionRequiredError:
    """The error for an answer of another form than was expected; `what` says which part."""
    return ActionRequiredError("answer_not_understood", what, happened="no")
