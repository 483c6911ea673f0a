"""What every simulator shares: requests and routes, the order of checks, a clock, and proof that the description holds.

A request passes in this order: the route (else the vendor's answer for an unknown path), an injected fault, the
credential, the vendor's description, the credential's rights, the handler; the answer passes the description again.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, unquote

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from orchestrator.embedded.vendors.description import Description
from orchestrator.embedded.vendors.faults import Faults, InjectedFault
from orchestrator.embedded.vendors.serving import served

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CONDITIONS = frozenset({"$filter", "filter", "search", "q", "query", "userKey", "owner[]", "login"})
"""Fields of a query that narrow a list."""


@dataclass
class Call:
    """One request. `operation` is the route's `METHOD /path/{id}`, `given` the values of its `{}`; `body` is JSON, or
    the first value of each field of a form. `caller` is what the simulator made of the credential,
    `largest_page` the simulator's."""

    method: str
    path: str
    operation: str
    given: dict[str, str]
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: Any
    caller: Any = None
    largest_page: int = 0
    noted: dict[str, Any] = field(default_factory=dict)

    def first(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def page_size(self, size: int) -> int:
        """How many entries a page has if the request asks for this many."""
        return min(size, self.largest_page or size)

    def flag(self, name: str, default: bool = False) -> bool:
        return self.first(name, "true" if default else "false") == "true"


@dataclass(frozen=True)
class VendorEffect:
    """A change that a simulator carried out: its kind, the id of what it changed, and a detail."""

    kind: str
    subject: str
    detail: str = ""


class VendorRefusal(Exception):
    """The vendor's answer to a request that it does not carry out."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


Handler = Callable[[Any, Call], Response]
"""Takes the simulator and the request. It never waits, so that a request is carried out whole or not at all."""


class Simulator:
    """One vendor. Use `async with simulator.start():`, which checks at the end that no request and no answer differed
    from the vendor's description; `violations` has them. `requests` has every request in the order of arrival. After
    `watch_changes()`, `changes` has those that changed the state."""

    routes: Mapping[str, Handler]
    undescribed: Mapping[str, str] = {}
    """Operations that the vendor's description lacks, each with the page that documents it."""
    undescribed_fields: Mapping[str, frozenset[str]] = {}
    """Fields of a query or a form that an operation takes beside those of its description."""

    mistaken: Mapping[str, str] = {}
    """Faults that the vendor's description finds and its documents permit: a regular expression, and why."""

    def __init__(self, description: Description, state: Any) -> None:
        self.description = description
        self.state = state
        self.faults = Faults()
        self.requests: list[Call] = []
        self.changes: list[Call] = []
        self.violations: list[str] = []
        self.url = ""
        self.largest_page = 0
        """At most so many entries in a page, whatever the request asks for; 0: as the vendor documents."""
        self._ahead = timedelta()
        self._watches_changes = False
        self._before: Any = None
        self._stale: list[InjectedFault] = []
        self._patterns = [
            (name.partition(" ")[0], re.compile(_pattern(name.partition(" ")[2])), name)
            for name in sorted(self.routes, key=lambda name: [part.startswith("{") for part in name.split("/")])
        ]

    @asynccontextmanager
    async def start(self) -> AsyncIterator[Self]:
        async with served(self) as self.url:
            yield self
        assert not self.violations, "\n".join(self.violations)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, **duration: float) -> None:
        """Moves the clock of this simulator ahead, as `timedelta` takes it: `advance(hours=1)`."""
        self._ahead += timedelta(**duration)

    def forget(self) -> None:
        """Drops the requests so far, so that a test sees those that follow."""
        self.requests.clear()

    def watch_changes(self) -> None:
        """From now on `changes` gets each request, other than GET and HEAD, after which the state differs."""
        self._watches_changes = True

    def sent(self, method: str, path: str = "") -> list[Call]:
        """The requests with this method whose path has this regular expression."""
        return [call for call in self.requests if call.method == method and re.search(path, call.path)]

    # What a vendor decides.

    def identify(self, call: Call) -> Any:
        """Who calls, from the credential; raises `VendorRefusal` in the vendor's form."""
        raise NotImplementedError

    def permit(self, call: Call) -> None:
        """Raises `VendorRefusal` in the vendor's form if the caller's rights do not cover the operation."""

    def over_limit(self, call: Call) -> bool:
        """Counts the request; whether the vendor's limit is used up."""
        return False

    def unknown_path(self, call: Call) -> Response:
        raise NotImplementedError

    def malformed(self, faults: list[str]) -> Response:
        raise NotImplementedError

    def dressed(self, call: Call, response: Response) -> Response:
        """The answer with the headers that the vendor adds to each."""
        return response

    def limited(self) -> Response:
        raise NotImplementedError

    def limited_as_forbidden(self) -> Response:
        raise NotImplementedError(f"{type(self).__name__}: this vendor reports no limit with 403")

    def broken(self, status: int) -> Response:
        raise NotImplementedError

    def expired(self) -> Response:
        raise NotImplementedError

    # The order of checks.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        call = self._call(request, await request.body())
        self.requests.append(call)
        response = await self._answered(call)
        await self.dressed(call, response)(scope, receive, send)

    async def _answered(self, call: Call) -> Response:
        if not call.operation:
            return self.unknown_path(call)
        if self.over_limit(call):
            return self.limited()

        async def carry() -> Response:
            return self._carried_out(call)

        fault = self.faults.next_for(call.method, call.path)
        response = await (fault.strike(self, carry) if fault else carry())
        values = [value for each in call.query.values() for value in each]
        if call.method == "GET" and response.status_code == 200 and self.faults.hidden(call.path, values):
            return answer(_without_entries(json.loads(bytes(response.body))))
        return response

    def _carried_out(self, call: Call) -> Response:
        try:
            call.caller = self.identify(call)
            described = call.operation not in self.undescribed
            if described:
                faults = list(self.description.faults_of_request(call.operation, *self._described_fields(call)))
                if faults:
                    self.violations += [f"request: {fault}" for fault in faults]
                    return self.malformed(faults)
            response = self._permitted(call)
        except VendorRefusal as refused:
            response = refused.response
        if call.operation not in self.undescribed:
            body = json.loads(bytes(response.body)) if response.body else None
            self.violations += [
                f"answer: {fault}"
                for fault in self.description.faults_of_answer(call.operation, response.status_code, body)
                if not any(re.search(pattern, fault) for pattern in self.mistaken)
            ]
        return response

    def _permitted(self, call: Call) -> Response:
        try:
            self.permit(call)
        except VendorRefusal:
            if call.method == "GET" and self.faults.denied_silently(call.path):
                return answer(_without_entries(json.loads(bytes(self._handled(call).body))))
            raise
        return self._handled(call)

    def _described_fields(self, call: Call) -> tuple[dict[str, list[str]], Any]:
        more = self.undescribed_fields.get(call.operation, frozenset())
        query = {name: values for name, values in call.query.items() if name not in more}
        body = call.body
        return query, {name: one for name, one in body.items() if name not in more} if isinstance(body, dict) else body

    def _handled(self, call: Call) -> Response:
        handler = self.routes[call.operation]
        if call.method == "GET" and self.faults.unfiltered(call.path):
            call.query = {name: values for name, values in call.query.items() if name not in CONDITIONS}
        if call.method in ("GET", "HEAD"):
            if self._before is None or not any(one.strikes("GET", call.path) for one in self._stale):
                return handler(self, call)
            now, self.state = self.state, self._before
            try:
                return handler(self, call)
            finally:
                self.state = now
        if self.faults.stale_reads:
            self._before, self._stale = copy.deepcopy(self.state), self.faults.stale_reads
            self.faults.stale_reads = []
        if not self._watches_changes:
            return handler(self, call)
        before = copy.deepcopy(self.state)
        try:
            return handler(self, call)
        finally:
            if _public(before) != _public(self.state):
                self.changes.append(call)

    def _call(self, request: Request, body: bytes) -> Call:
        target = request.scope["raw_path"].decode() + f"?{request.url.query}"
        return self._routed(request.method, target, request.headers, read_body(body, request.headers))

    def _routed(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Call:
        raw, _, query = target.partition("?")
        raw = raw.replace("%24", "$")
        operation, given = "", {}
        for known, pattern, name in self._patterns:
            if known == method and (found := pattern.fullmatch(raw)):
                operation, given = name, {key: unquote(value) for key, value in found.groupdict().items()}
                break
        values = parse_qs(query, keep_blank_values=True)
        return Call(method, unquote(raw), operation, given, values, headers, body, largest_page=self.largest_page)

    def within(
        self, call: Call, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Carries out a request that came within another one, with the credential of that one."""
        more = {name.lower(): value for name, value in (headers or {}).items()}
        inner = self._routed(method, target, {"authorization": call.headers.get("authorization", ""), **more}, body)
        self.requests.append(inner)
        if not inner.operation:
            return self.unknown_path(inner)
        fault = self.faults.next_for(inner.method, inner.path)
        if fault is not None and fault.answer is not None:
            return fault.answer(self)
        return self._carried_out(inner)


def _public(state: Any) -> dict[str, Any]:
    """Without counters and the clock."""
    return {name: value for name, value in vars(state).items() if not name.startswith("_")}


def _without_entries(body: Any) -> Any:
    if isinstance(body, list):
        return []
    return {name: [] if isinstance(value, list) else value for name, value in body.items() if "next" not in name}


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON, or nothing if `body` is None."""
    if body is None:
        return Response(status_code=status, headers=headers)
    return JSONResponse(body, status, headers)


def client_of(simulator: Simulator, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client that reads no certificates, which takes longer than a test."""
    return httpx.AsyncClient(base_url=simulator.url, headers=headers, verify=False, trust_env=False)  # noqa: S501


def read_body(body: bytes, headers: Mapping[str, str]) -> Any:
    if not body:
        return None
    if headers.get("content-type", "").startswith(FORM):
        return {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return json.loads(body)


def _pattern(path: str) -> str:
    """A route's regular expression: `{id}` is one segment."""
    return "".join(
        f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", path)
    )
