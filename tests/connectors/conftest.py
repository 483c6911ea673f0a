"""A connector of every kind to the shared company."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Connector
from orchestrator.embedded.company.company import Company
from tests.connectors.company_settings import KINDS, connect_to


@pytest_asyncio.fixture(scope="session")
async def connectors(shared_company: Company) -> AsyncIterator[dict[str, Connector]]:
    connected = {kind: connect_to(shared_company, kind) for kind in KINDS if kind not in _missing(shared_company)}
    yield connected
    for connector in connected.values():
        await connector.aclose()


@pytest.fixture(autouse=True)
def _leave_out_what_is_missing(request: pytest.FixtureRequest) -> None:
    """A test of the ldap kind that asks a system needs slapd."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    kind = parameters.get("kind") or getattr(parameters.get("case"), "kind", None)
    if kind == "ldap" and "shared_company" in request.fixturenames:
        request.getfixturevalue("needs_directory")


def _missing(company: Company) -> set[str]:
    return {"ldap"} if "directory" in company.missing else set()
