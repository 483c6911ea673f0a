"""The whole OpenAPI document, tried with every kind of account: no fault, nothing undocumented, every answer as
described. The requests are generated each time; the seed is printed with what failed, and `OFFBOARD_TEST_SEED` sets it.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import load_all_checks
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.staff import STAFF
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from tests.conftest import Hire
from tests.integration.installation import Installation, installation
from tests.web.visitor import api, token_of

EXAMPLES = int(os.environ.get("OFFBOARD_TEST_EXAMPLES") or 3)
"""Requests made up for each route: the first is made as everyone, the others as a few. `make soak` sets more."""
A_FEW = 3
SECRETS = {"hr_webhook_secret": "whsec_bm90aGluZw==", "bamboohr_webhook_key": "bm90aGluZw=="}
ENDLESS = "/api/v1/runs/{run_id}/stream"
"""Followed in tests of its own: where it finds a run it does not end."""
CHECKS = [
    status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance,
]  # fmt: skip


@asynccontextmanager
async def offboard(here: Installation) -> AsyncIterator[str]:
    on = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    local = [LocalMember(one.alias, one.employee_number, one.roles, one.duty) for one in STAFF]
    web = WebSettings(public_url=url, webhook_hosts=("hooks.example.com",), **SECRETS)
    try:
        async with serving(web, here.services, here.engine, here.backend.database, on, local):
            yield url
    finally:
        on.close()


async def everybody(url: str) -> dict[str, str]:
    """Who asks -> their token."""
    tokens = {member.alias: await token_of(url, member.alias) for member in STAFF}
    async with api(url, tokens["safety-owner"]) as owner:
        for kind, roles, up_to in (("service", ["hr_system"], "stage"), ("assistant", [], "read")):
            body = {"name": kind, "kind": kind, "roles": roles, "up_to": up_to, "lasts_days": 1}
            tokens[kind] = (await owner.post("/tokens", json=body)).json()["token"]
    return tokens | {"nobody": "obt_0000000000000000_" + "a" * 43}


def with_known(document: dict[str, Any], known: dict[str, list[str]]) -> dict[str, Any]:
    """Has ids that exist tried as well as made up ones: what is refused at once tries little."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["in"] in ("path", "query") and parameter["name"] in known:
                    parameter["schema"] = {"type": "string", "enum": [*known[parameter["name"]], "none-such"]}
    return document


class Tried:
    """Requests made up, and made by different people in an order that changes. `wrong` are answers that are not as
    described, `answers` how often each route gave each status."""

    def __init__(self, tokens: dict[str, str], number: int) -> None:
        self.wrong: list[str] = []
        self.answers: Counter[tuple[str, int]] = Counter()
        self._tokens, self._number, self._order = tokens, number, random.Random(number)
        self._session = requests.Session()
        self._seen: set[str] = set()

    def try_out(self, operation: Any) -> None:
        route = f"{operation.method.upper()} {operation.path}"

        @seed(self._number)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def one(case: Any) -> None:
            asking = A_FEW if route in self._seen else len(self._tokens)
            self._seen.add(route)
            for who in self._order.sample(sorted(self._tokens), asking):
                headers = {"Authorization": f"Bearer {self._tokens[who]}"}
                answer = case.call(session=self._session, headers=headers, timeout=30)
                self.answers[route, answer.status_code] += 1
                try:
                    assert answer.status_code < 500 or answer.status_code == 503, "a fault"
                    case.validate_response(answer, checks=CHECKS)
                except (AssertionError, FailureGroup) as error:
                    self.wrong.append(f"{who}: {route}: {answer.status_code}\n{error}")

        one()


def attempt(document: dict[str, Any], url: str, tokens: dict[str, str], number: int) -> Tried:
    load_all_checks()
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    tried = Tried(tokens, number)
    for found in schema.get_all_operations():
        if found.ok().path != ENDLESS:
            tried.try_out(found.ok())
    return tried


# The server, in another thread, uses the `random` module while a strategy draws.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.timeout(300 * max(1, EXAMPLES // 3))
async def test_every_route_answers_everyone_as_it_is_described(
    database_url: str, temporal: TemporalServer, company: Company, hire: Hire
) -> None:
    number = int(os.environ.get("OFFBOARD_TEST_SEED") or random.randrange(2**32))
    print(f"seed {number}")
    async with installation(database_url, temporal.address, company) as here, offboard(here) as url:
        [person] = await hire()
        run_id = await here.start(person, cutoff="2031-11-28T17:00")
        state = await here.wait_until(run_id, lambda state: bool(state.decisions.gates and state.work.tasks), "a plan")
        known = {
            "run_id": [run_id],
            "gate_id": list(state.decisions.gates),
            "task_id": list(state.work.tasks),
            "step": list(state.plan.steps),
            "name": [here.packet.name],
            "system": list(here.packet.platform.systems),
            "version": [here.packet.version],
            "exception_id": list(state.work.exceptions),
            "packet": [here.packet.name],
        }
        async with httpx.AsyncClient(base_url=url) as client:
            document = with_known((await client.get("/api/v1/openapi.json")).json(), known)
        tried = await asyncio.to_thread(attempt, document, url, await everybody(url), number)
        assert not tried.wrong, f"seed {number}\n" + "\n\n".join(tried.wrong[:10])
        routes = {f"{method.upper()} {path}" for path, known in document["paths"].items() for method in known}
        assert {route for route, _ in tried.answers} == routes - {f"GET {ENDLESS}"}
        # What is made up is understood often enough to try what comes after it.
        good = {route for route, status in tried.answers if status < 400}
        print(f"{tried.answers.total()} requests; {len(good)} of {len(routes)} routes did what they are for")
        assert len(good) > len(routes) / 3, sorted(routes - good)
        await here.verify()
