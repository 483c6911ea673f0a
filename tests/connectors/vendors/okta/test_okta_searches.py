"""Okta: that nothing was found counts only where the same query finds another user."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError
from connectors.http.requests import Answer, Request
from connectors.vendors.okta.connector import OKTA
from connectors.vendors.okta.organisation import OktaSettings
from tests.connectors.vendors.okta.okta_description import check_answer, check_request

SETTINGS = OktaSettings.model_validate({"url": "https://example.okta.com", "token": "t0ken"})
IDA = {
    "id": "00u2",
    "status": "ACTIVE",
    "profile": {"login": "ida@example.com", "email": "ida@example.com", "employeeNumber": "E-2"},
}
WITHOUT_NUMBER = {**IDA, "profile": {"login": "ida@example.com", "email": "ida@example.com"}}


def found(answer: Callable[[Mapping[str, str]], list[Any]], *lookups: Lookup) -> Any:
    """What the search returns if Okta answers a list with these parameters so."""
    flow = OKTA.find(SETTINGS, lookups)
    try:
        request: Request = next(flow)
        while True:
            if request.path[-1] == "roles":
                request = flow.send(Answer(200, [], {}, "https://example.okta.com/api/v1/users/00u2/roles"))
                continue
            assert (request.method, request.path) == ("GET", ("api", "v1", "users"))
            users = answer(request.params)
            check_request("GET", "/api/v1/users", request.params)
            check_answer("GET", "/api/v1/users", 200, users)
            request = flow.send(Answer(200, users, {}, "https://example.okta.com/api/v1/users"))
    except StopIteration as done:
        return done.value


def honest(params: Mapping[str, str]) -> list[Any]:
    condition = params.get("filter", params.get("search", ""))
    return [IDA] if not condition or "ida@" in condition or "E-2" in condition else []


ABSENT = [Lookup("login", "eva@example.com"), Lookup("employeeNumber", "E-9")]


def test_a_query_that_finds_another_user_proves_that_there_is_no_account() -> None:
    assert found(honest, *ABSENT) == []
    (ida,) = found(honest, Lookup("employeeNumber", "E-2"))
    assert ida.native_id == "00u2"


@pytest.mark.parametrize(
    "answer",
    [
        lambda params: [] if "filter" in params or "search" in params else [IDA],
        lambda params: [] if "search" in params else honest(params),
        lambda params: [],
        lambda params: [WITHOUT_NUMBER] if "search" not in params else [],
    ],
)
def test_a_query_that_finds_no_one_proves_nothing(answer: Any) -> None:
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        found(answer, *ABSENT)


def test_a_404_that_is_not_oktas_proves_nothing() -> None:
    flow = OKTA.find(SETTINGS, [Lookup("id", "00u9")])
    next(flow)
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        flow.send(Answer(404, None, {}, "https://example.okta.com/"))
    flow = OKTA.find(SETTINGS, [Lookup("id", "00u9")])
    next(flow)
    check_answer("GET", "/api/v1/users/00u9", 404, {"errorCode": "E0000007"})
    with pytest.raises(StopIteration) as done:
        flow.send(Answer(404, {"errorCode": "E0000007"}, {}, "https://example.okta.com/"))
    assert done.value.value == []
