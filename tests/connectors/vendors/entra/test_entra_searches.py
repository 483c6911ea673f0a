"""Entra: that nothing was found counts only where the same query finds another user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError
from connectors.http.requests import Answer, Request
from connectors.vendors.entra.connector import ENTRA
from connectors.vendors.entra.graph import EntraSettings
from tests.connectors.vendors.entra.entra_description import GRAPH

SETTINGS = EntraSettings.model_validate({"tenant": "example.com", "client_id": "app-1", "client_secret": "s3cret"})
IDA = {
    "id": "1d000000-0000-4000-8000-000000000002",
    "userPrincipalName": "ida@example.com",
    "mail": "ida@example.com",
    "employeeId": "E-2",
    "accountEnabled": True,
}
WITHOUT_NUMBER = {**IDA, "employeeId": None}


def found(answer: Callable[[Mapping[str, str]], list[Any]], *lookups: Lookup) -> Any:
    """What the search returns if Graph answers a list with these parameters so, and knows no roles."""
    flow = ENTRA.find(SETTINGS, lookups)
    try:
        request: Request = next(flow)
        while True:
            path = "/" + "/".join(request.path)
            listed = {"value": answer(request.params) if path == "/users" else []}
            GRAPH.check_request("GET", path, request.params)
            GRAPH.check_answer("GET", path, 200, listed)
            request = flow.send(Answer(200, listed, {}, f"https://graph.microsoft.com/v1.0{path}"))
    except StopIteration as done:
        return done.value


def honest(params: Mapping[str, str]) -> list[Any]:
    condition = params.get("$filter", "")
    return [IDA] if not condition or "ida@" in condition or "E-2" in condition else []


ABSENT = [Lookup("userPrincipalName", "eva@example.com"), Lookup("employeeId", "E-9")]


def test_a_query_that_finds_another_user_proves_that_there_is_no_account() -> None:
    assert found(honest, *ABSENT) == []
    (ida,) = found(honest, Lookup("employeeId", "E-2"))
    assert (ida.native_id, ida.privileged) == (IDA["id"], False)


@pytest.mark.parametrize(
    "answer",
    [
        lambda params: [] if "$filter" in params else [IDA],
        lambda params: [] if "employeeId" in params.get("$filter", "") else honest(params),
        lambda params: [],
        lambda params: [] if "$filter" in params else [WITHOUT_NUMBER],
    ],
)
def test_a_query_that_finds_no_one_proves_nothing(answer: Any) -> None:
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        found(answer, *ABSENT)
