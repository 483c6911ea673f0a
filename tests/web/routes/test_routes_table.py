"""The table has every route of the application, and `make test` asks every account for what it may and may not."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from starlette.routing import Mount

from orchestrator.web.application import make_application
from orchestrator.web.settings import WebSettings
from tests.web.routes.routes_table import WHO, each_outcome_once, rows

TABLE = {row.route: row for row in rows()}


def routes_of(found: Any) -> Iterator[str]:
    for route in found:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is not None:
            yield from (f"{method} {one.path}" for one in contexts() for method in one.methods or ())
        elif isinstance(route, Mount):
            yield f"MOUNT {route.path}"
        else:
            yield from (f"{method} {route.path}" for method in route.methods or ())


def test_every_route_of_the_application_has_a_row() -> None:
    parts: Any = SimpleNamespace(settings=WebSettings(public_url="http://127.0.0.1:1"))
    there = {route for route in routes_of(make_application(parts).routes) if not route.startswith("HEAD ")}
    assert there - {"MOUNT /static"} == set(TABLE), "say in tests/web/routes/routes_table.py who may what"


def test_every_account_is_asked_for_whatever_it_may_and_may_not() -> None:
    outcomes = {(who, row.expected[who]) for row in TABLE.values() for who in WHO if row.expected[who] in "+x?"}
    asked = {(who, TABLE[route].expected[who]) for route, accounts in each_outcome_once().items() for who in accounts}
    assert outcomes <= asked
    assert all(
        {TABLE[route].expected[who] for who in WHO} == set(map(TABLE[route].expected.get, accounts))
        for route, accounts in each_outcome_once().items()
    )
