"""Requests, answers, and flows, which yield requests and are sent answers.

A flow is a generator that holds a connector's protocol logic: it yields a `Request`, is sent the `Answer`, and returns
its result. It decides and does no I/O, as httpx's `auth_flow` does, so a test steps through it with recorded answers.
`connectors.http.client.HttpClient.run` sends what a flow yields.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

import httpx

T = TypeVar("T")

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_READ_METHODS = frozenset({"GET", "HEAD"})
_NO_TEXT: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `path` are unquoted segments below the connector's base address; `url`, if given, is used instead:
    an absolute address, or one relative to the base address. It must be on an allowed host.

    `json` and `form` are the body, as JSON or as `application/x-www-form-urlencoded`; at most one of them is given.
    `missing_ok`: a 404 is returned to the flow instead of raised. `read_only` is true for a request that changes
    nothing although its method is not GET, such as a search by POST. `authenticated` is false for a token request,
    which carries its own credential. `scope` is the OAuth scope that the request needs, for a kind that has a token for
    each scope. `operation` is the one that made the request. `exclusive` names a thing that the flow reads with this
    request and then writes as a whole, without a condition: until the flow ends or names another thing, no other worker
    is at the same place (`connectors.exclusion`)."""

    method: str
    path: tuple[str, ...] = ()
    url: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    missing_ok: bool = False
    read_only: bool = False
    authenticated: bool = True
    scope: str = ""
    exclusive: str = ""
    operation: Operation | None = field(default=None, compare=False, repr=False)

    @property
    def changes(self) -> bool:
        """Whether the request may change something in the system."""
        return self.method not in _READ_METHODS and not self.read_only

    def excluding(self, thing: str) -> Request:
        """The same request, with the thing that it is `exclusive` about."""
        return replace(self, exclusive=thing)

    def with_params(self, **params: str) -> Request:
        """The same request with these query parameters added or replaced."""
        return replace(self, params={**self.params, **params})


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is a JSON value, None where the answer was empty. `status` is 2xx, or 404 where the request allowed it
    (then `body` is None too where it is not JSON). `headers` are by name in lower case. `url` is the address that
    answered, against which relative addresses in the answer are resolved."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""

    @property
    def missing(self) -> bool:
        return self.status == 404

    @property
    def etag(self) -> str | None:
        return self.headers.get("etag")


Flow: TypeAlias = Generator[Request, Answer, T]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a vendor's interface, as its description lists it.

    `path` is the template below the base address, such as `/users/{id}/sessions`; `operation_id` is the vendor's name
    for the operation, empty where the vendor has none; `scope` is as in `Request`."""

    method: str
    path: str
    operation_id: str = ""
    scope: str = ""

    def request(
        self,
        *ids: str,
        params: Mapping[str, str] = _NO_TEXT,
        headers: Mapping[str, str] = _NO_TEXT,
        json: Any = None,
        missing_ok: bool = False,
        read_only: bool = False,
    ) -> Request:
        """A request with `ids` in place of the template's placeholders, in order. Raises `ValueError` where there
        are more or fewer ids than placeholders."""
        given = iter(ids)
        segments = []
        try:
            for segment in self.path.strip("/").split("/"):
                segments.append(next(given) if _PLACEHOLDER.fullmatch(segment) else segment)
        except StopIteration:
            raise ValueError(f"{self.path} needs more ids than {len(ids)}") from None
        if next(given, None) is not None:
            raise ValueError(f"{self.path} takes fewer ids than {len(ids)}")
        return Request(
            self.method,
            tuple(segments),
            params=params,
            headers=headers,
            json=json,
            missing_ok=missing_ok,
            read_only=read_only,
            scope=self.scope,
            operation=self,
        )


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request in the form in which it is sent, for the object that signs it."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes
    scope: str = ""
