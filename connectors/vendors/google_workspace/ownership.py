"""Groups that the account owns: another account becomes their owner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import found_for_another
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import GoogleWorkspaceSettings
from connectors.vendors.google_workspace.groups import ADD_MEMBER, CHANGE_MEMBER, Group, groups_of, role_in
from connectors.vendors.google_workspace.recipients import recipient_of
from connectors.vendors.google_workspace.users import some_users, user_of, user_to_change


def _owned(groups: Sequence[Group], user: str) -> Flow[list[Group]]:
    owned = []
    for group in groups:
        if (yield from role_in(group, user)) == "OWNER":
            owned.append(group)
    return owned


def hand_over_ownership(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """The recipient is an owner before the account is not any more. The account stays a member."""
    user = yield from user_to_change(settings, effect)
    owned = yield from _owned((yield from groups_of(user.id)), user.id)
    if not owned:
        return {"handed_over": []}
    recipient = yield from recipient_of(settings, user, effect)
    handed = Removals("handed_over", "not_all_handed_over", verb="handed over")
    for group in owned:
        with handed.removing(group.shown()):
            role = yield from role_in(group, recipient.id)
            if not role:
                yield ADD_MEMBER.request(group.id, json={"email": recipient.email, "role": "OWNER"})
            elif role != "OWNER":
                yield CHANGE_MEMBER.request(group.id, recipient.id, json={"role": "OWNER"})
            yield CHANGE_MEMBER.request(group.id, user.id, json={"role": "MEMBER"}, missing_ok=True)
    return {**handed.reply("unknown"), "to": recipient.id}


def look_at_ownership(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    groups = yield from groups_of(user.id)
    owned = [group.shown() for group in (yield from _owned(groups, user.id))]
    proven = bool(groups) or (yield from found_for_another((yield from some_users(settings)), groups_of))
    return none_left(owned, {**user.evidence(), "owned": owned, "search_proven": proven}, shows_such=proven)
