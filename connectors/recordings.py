"""Steps through a flow with recorded exchanges, for the tests of connectors: no server, no event loop, milliseconds.

A recording is a JSON file with a list of exchanges:

    {"request": {"method", "path", "params"?, "json"?, "form"?}, "answer": {"status", "body"?, "headers"?}}

`path` is the path below the base address, or the whole address where the flow asked for one. A flow must yield exactly
the recorded requests, in order; each is answered as recorded. An answer is judged as the client judges it, with the
connector's dialect.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from connectors.errors import ConnectorError
from connectors.http.dialect import Dialect
from connectors.http.judging import judge
from connectors.http.requests import Answer, Flow, Request

T = TypeVar("T")


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
    remaining, changed = list(exchanges), False
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
                answer = judge(
                    request,
                    exchange.answer,
                    dialect or Dialect(),
                    excerpt=partial(json.dumps, exchange.answer.body),
                    allowed=lambda target: True,  # whether hosts are allowed is the client's to know
                )
            except ConnectorError as error:
                request = flow.throw(error)
            else:
                changed = changed or (request.changes and not answer.missing)
                request = flow.send(answer)
    except StopIteration as done:
        if remaining:
            raise AssertionError(f"the flow ended before {remaining[0].method} {remaining[0].place}") from None
        result: T = done.value
        return result
    except ConnectorError as error:
        if changed:
            error.happened = "unknown"
        raise


def _place(request: Request) -> str:
    return request.url or "/" + "/".join(quote(segment, safe="$") for segment in request.path)


def _body(request: Request) -> Any:
    return request.json if request.form is None else dict(request.form)
