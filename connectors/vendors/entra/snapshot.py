"""What an account has before a run changes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.vendors.entra.applications import apps_of, grants_of
from connectors.vendors.entra.authentication_methods import methods_of
from connectors.vendors.entra.groups import LIST_ALL_MEMBERSHIPS, memberships_of
from connectors.vendors.entra.ownership import owned_by
from connectors.vendors.entra.reports import reports_of
from connectors.vendors.entra.roles import eligible_roles_of, roles_of
from connectors.vendors.entra.users import GraphUser, with_user


@with_user
def snapshot(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the app may not read, or what this tenant does not have."""
    evidence: dict[str, Any] = {
        "guest": user.type == "Guest",
        "sessions_valid_from": user.sessions_valid_from,
        "licenses": [item.shown() for item in user.licenses or ()],
    }
    not_shown = ["licenses"] if user.licenses is None else []
    direct: set[str] = set()
    sections: tuple[tuple[str, Flow[Sequence[Any]]], ...] = (
        ("groups", memberships_of(user.id)),
        ("groups_by_groups", memberships_of(user.id, LIST_ALL_MEMBERSHIPS)),
        ("roles", roles_of(user.id)),
        ("eligible_roles", eligible_roles_of(user.id)),
        ("apps", apps_of(user.id)),
        ("grants", grants_of(user.id)),
        ("methods", methods_of(user.id)),
        ("owned", owned_by(user.id)),
        ("reports", reports_of(user.id)),
    )
    for name, read in sections:
        try:
            items = yield from read
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
            continue
        if name == "groups":
            direct = {item.id for item in items}
        if name == "groups_by_groups":
            evidence["roles_and_units"] = [item.shown() for item in items if not item.is_a("group")]
            items = [item for item in items if item.id not in direct]
        if name in ("groups", "groups_by_groups"):
            evidence[name] = [item.group() for item in items if item.is_a("group")]
        else:
            evidence[name] = [item.shown() for item in items]
    return seen(True, {**user.evidence(), **evidence, "not_shown": not_shown})
