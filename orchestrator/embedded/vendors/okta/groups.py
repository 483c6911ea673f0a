"""Groups, their members and owners, and group rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.okta import documents
from orchestrator.embedded.vendors.okta.credentials import protect_administrators
from orchestrator.embedded.vendors.okta.errors import denied, error, not_found
from orchestrator.embedded.vendors.okta.expressions import expression
from orchestrator.embedded.vendors.okta.organisation import OktaGroup, OktaRule
from orchestrator.embedded.vendors.okta.pages import page
from orchestrator.embedded.vendors.okta.users import user_of
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

FILTERED = ("id", "type", "lastUpdated", "lastMembershipUpdated")


def group_of(okta: OktaSimulator, call: Call) -> OktaGroup:
    group = okta.state.groups.get(call.given["group"])
    if group is None:
        raise not_found(call.given["group"], "UserGroup")
    return group


def list_groups(okta: OktaSimulator, call: Call) -> Response:
    shown = [documents.group(okta.url, one) for one in okta.state.groups.values()]
    if "search" in call.query:
        matches = expression(call.first("search"), ("eq", "sw", "co"))
        shown = [one for one in shown if matches(one)]
    elif "filter" in call.query:
        matches = expression(call.first("filter"), ("eq", "gt", "ge", "lt", "le"), FILTERED, folded=False)
        shown = [one for one in shown if matches(one)]
    if start := call.first("q").lower():
        shown = [one for one in shown if one["profile"]["name"].lower().startswith(start)]
    return page(okta.url, call, shown, default=10000, most=10000)


def get_group(okta: OktaSimulator, call: Call) -> Response:
    return answer(documents.group(okta.url, group_of(okta, call)))


def list_members(okta: OktaSimulator, call: Call) -> Response:
    members = group_of(okta, call).members
    shown = [documents.user(okta.url, one) for one in okta.state.users.values() if one.id in members]
    return page(okta.url, call, shown, default=1000, most=1000)


def add_member(okta: OktaSimulator, call: Call) -> Response:
    group, user = group_of(okta, call), user_of(okta, call)
    if group.type == "BUILT_IN":
        raise VendorRefusal(error(501, "E0000060", "Unsupported operation."))
    if group.type != "OKTA_GROUP":
        raise denied()
    group.members.add(user.id)
    return answer(None, 204)


def remove_member(okta: OktaSimulator, call: Call) -> Response:
    """Okta answers 403 for a group that it does not own, whatever the permissions of the token."""
    group, user = group_of(okta, call), user_of(okta, call)
    protect_administrators(okta, call, user)
    if group.type != "OKTA_GROUP":
        raise denied()
    okta.state.remove_member(group, user)
    return answer(None, 204)


def list_apps(okta: OktaSimulator, call: Call) -> Response:
    group = group_of(okta, call)
    shown = [documents.app(okta.url, one) for one in okta.state.apps.values() if group.id in one.groups]
    return page(okta.url, call, shown, default=20, most=200)


def list_owners(okta: OktaSimulator, call: Call) -> Response:
    owners = [okta.state.users[id] for id in group_of(okta, call).owners]
    return answer(
        [
            {
                "id": one.id,
                "type": "USER",
                "resolved": True,
                "originId": None,
                "originType": "OKTA_DIRECTORY",
                "displayName": one.login,
                "lastUpdated": documents.time(one.created),
            }
            for one in owners
        ]
    )


def remove_owner(okta: OktaSimulator, call: Call) -> Response:
    group = group_of(okta, call)
    if call.given["owner"] not in group.owners:
        raise not_found(call.given["owner"], "GroupOwner")
    group.owners.remove(call.given["owner"])
    return answer(None, 204)


def rule_of(okta: OktaSimulator, call: Call) -> OktaRule:
    rule = okta.state.rules.get(call.given["rule"])
    if rule is None:
        raise not_found(call.given["rule"], "GroupRule")
    return rule


def list_rules(okta: OktaSimulator, call: Call) -> Response:
    shown = [documents.rule(one) for one in okta.state.rules.values()]
    if word := call.first("search").lower():
        shown = [one for one in shown if word in one["name"].lower()]
    return page(okta.url, call, shown, default=50, most=200)


def get_rule(okta: OktaSimulator, call: Call) -> Response:
    return answer(documents.rule(rule_of(okta, call)))


def deactivate_rule(okta: OktaSimulator, call: Call) -> Response:
    rule_of(okta, call).status = "INACTIVE"
    return answer(None, 204)


def activate_rule(okta: OktaSimulator, call: Call) -> Response:
    rule_of(okta, call).status = "ACTIVE"
    for user in okta.state.users.values():
        okta.state.apply_rules(user)
    return answer(None, 204)
