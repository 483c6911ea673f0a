"""What an account has before a run changes it."""

from __future__ import annotations

from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow
from connectors.parameters import account_of
from connectors.read_backs import account_missing, seen
from connectors.vendors.okta.api_tokens import own_api_tokens
from connectors.vendors.okta.applications import apps_of, grants_of
from connectors.vendors.okta.factors import factors_of
from connectors.vendors.okta.groups import groups_of
from connectors.vendors.okta.organisation import OktaSettings, require_scope
from connectors.vendors.okta.roles import roles_of
from connectors.vendors.okta.users import user_of


def snapshot(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the credential may not read."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    groups, factors, grants = (
        (yield from groups_of(effect)),
        (yield from factors_of(account_of(effect).native_id)),
        (yield from grants_of(user.id)),
    )
    evidence: dict[str, Any] = {"groups": [group.shown() for group in groups], "factors": factors, "grants": grants}
    not_shown = []
    for name, ability, read in (
        ("apps", "remove_from_apps", apps_of(account_of(effect).native_id)),
        ("roles", "remove_admin_roles", roles_of(user.id)),
        ("api_tokens", "revoke_api_tokens", own_api_tokens(effect)),
    ):
        try:
            require_scope(settings, ability)
            evidence[name] = [item.shown() for item in (yield from read)]
        except ActionRequiredError:
            not_shown.append(name)
    return seen(True, {**user.evidence(), **evidence, "not_shown": not_shown})
