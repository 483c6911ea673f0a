"""Steps through a flow with recorded exchanges, for the tests of connectors: no server, no event loop, milliseconds.

A recording is a JSON file with a list of exchanges:

    {"request": {"method", "path", "params"?, "json"?, "form"?}, "answer": {"status", "body"?, "headers"?}}

`path` is the path below the base address, or the whole address where the flow asked for one. A flow must yield exactly
the recorded requests, in order; each is answered as recorded. An answer with a status of 400 or more is judged by the
connector's dialect, as the client would judge it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.http.dialect import Dialect, Verdict
from connectors.http.requests import Answer, Flow, Request

T = TypeVar("T")

ERRORS = {
    Verdict.CREDENTIAL: (ActionRequiredError, "credential_refused"),
    Verdict.MISSING: (RefusedError, "not_found"),
    Verdict.REFUSED: (RefusedError, "refused"),
    Verdict.RATE_LIMITED: (TryAgainError, "too_many_requests"),
    Verdict.RETRY: (TryAgainError, "system_failed"),
    Verdict.FAILED: (TryAgainError, "system_failed"),
    Verdict.CHANGED_MEANWHILE: (TryAgainError, "changed_meanwhile"),
}


@dataclass(frozen=True, slots=True)
class Exchange:
    method: str
    place: str
    params: dict[str, str]
    body: Any
    answer: Answer

    @classmethod
    def read(cls, document: dict[str, Any], base: str) -> Exchange:
        asked, answered = document["request"], document["answer"]
        body = asked.get("json", asked.get("form"))
        headers = {name.lower(): value for name, value in answered.get("headers", {}).items()}
        answer = Answer(answered["status"], answered.get("body"), headers, base + asked["path"])
        return cls(asked["method"], asked["path"], asked.get("params", {}), body, answer)


def read_recording(path: Path, *, base: str = "https://vendor.example") -> list[Exchange]:
    """The exchanges of a recording; `base` is the base address at which they are taken to have happened."""
    return [Exchange.read(document, base) for document in json.loads(path.read_text())]


def replay(flow: Flow[T], exchanges: Sequence[Exchange], dialect: Dialect | None = None) -> T:
    """The flow's result after it has asked exactly what was recorded."""
    remaining = list(exchanges)
    try:
        request = next(flow)
        while True:
            if not remaining:
                raise AssertionError(
                    f"the recording has no more exchanges, but the flow sends {request.method} {_place(request)}"
                )
            exchange = remaining.pop(0)
            asked = (request.method, _place(request), dict(request.params), _body(request))
            recorded = (exchange.method, exchange.place, exchange.params, exchange.body)
            if asked != recorded:
                raise AssertionError(f"the flow sends {asked}, but {recorded} was recorded")
            try:
                answer = _judged(request, exchange.answer, dialect or Dialect())
            except (ActionRequiredError, RefusedError, TryAgainError) as error:
                request = flow.throw(error)
            else:
                request = flow.send(answer)
    except StopIteration as done:
        if remaining:
            raise AssertionError(f"the flow ended before {remaining[0].method} {remaining[0].place}") from None
        result: T = done.value
        return result


def _judged(request: Request, answer: Answer, dialect: Dialect) -> Answer:
    verdict = dialect.verdict(answer.status, answer.body, answer.headers)
    if verdict is Verdict.DONE:
        return answer
    if verdict is Verdict.MISSING and request.missing_ok:
        return Answer(404, answer.body, answer.headers, answer.url)
    kind, code = ERRORS[verdict]
    raise kind(code, happened="no", retry_after=dialect.retry_after(answer.headers))


def _place(request: Request) -> str:
    return request.url or "/" + "/".join(quote(segment, safe="") for segment in request.path)


def _body(request: Request) -> Any:
    return request.json if request.form is None else dict(request.form)
