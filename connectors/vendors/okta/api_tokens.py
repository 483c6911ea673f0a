"""API tokens that the account created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, all_pages, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.okta.organisation import OktaSettings, require_scope
from connectors.vendors.okta.users import require_other, user_of

LIST_API_TOKENS = Operation("GET", "/api/v1/api-tokens", "listApiTokens")
REVOKE_API_TOKEN = Operation("DELETE", "/api/v1/api-tokens/{apiTokenId}", "revokeApiToken")


class _ApiToken(Fields):
    id: str = Field(min_length=1)
    name: str = ""
    user: str = Field(default="", alias="userId")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name}


def _api_tokens(effect: Effect) -> Flow[tuple[list[_ApiToken], bool]]:
    """The account's API tokens, and whether Okta showed any token of the organisation."""
    every = [parse(item, _ApiToken) for item in (yield from all_pages(LIST_API_TOKENS.request(), LinkHeader()))]
    return [token for token in every if token.user == account_of(effect).native_id], bool(every)


def own_api_tokens(effect: Effect) -> Flow[list[_ApiToken]]:
    tokens, _ = yield from _api_tokens(effect)
    return tokens


def revoke_api_tokens(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    require_scope(settings, "revoke_api_tokens")
    (tokens, _), removals = (yield from _api_tokens(effect)), Removals("revoked_api_tokens")
    if tokens:
        yield from require_other(settings, account_of(effect).native_id)
    for token in tokens:
        with removals.removing(token.shown()):
            yield REVOKE_API_TOKEN.request(token.id, missing_ok=True)
    return removals.reply("unknown")


def look_at_api_tokens(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """Okta lists the organisation's tokens. With an API token, its own is among them; a service app has none, but
    without the scope Okta issues it no access token at all."""
    require_scope(settings, "revoke_api_tokens")
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    tokens, shown = yield from _api_tokens(effect)
    evidence = {**user.evidence(), "api_tokens": [token.shown() for token in tokens]}
    return none_left(tokens, evidence, shows_such=shown or bool(settings.client_id))
