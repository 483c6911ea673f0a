"""Factors of multifactor authentication."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, all_pages, change, found_for_another, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import none_left
from connectors.vendors.okta.organisation import OktaSettings
from connectors.vendors.okta.users import UserRecord, some_users, user_request, with_user

LIST_FACTORS = Operation("GET", "/api/v1/users/{userId}/factors", "listFactors")
RESET_FACTORS = Operation("POST", "/api/v1/users/{id}/lifecycle/reset_factors", "resetFactors")


class _Factor(Fields):
    id: str
    type: str = Field(default="", alias="factorType")
    status: str = ""


def factors_of(user: str) -> Flow[list[dict[str, Any]]]:
    request = LIST_FACTORS.request(user)
    found = [parse(item, _Factor) for item in (yield from all_pages(request, LinkHeader()))]
    return [factor.model_dump() for factor in found]


def reset_factors(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from factors_of(account_of(effect).native_id)
    if before:
        yield from change(user_request(RESET_FACTORS, effect), effect)
    return {"factors": before}


@with_user
def look_at_factors(user: UserRecord, effect: Effect) -> Flow[ReadBack]:
    factors = yield from factors_of(user.id)
    shows_such = not factors and (yield from found_for_another((yield from some_users()), factors_of))
    return none_left(factors, {**user.evidence(), "factors": factors}, shows_such=shows_such)
