"""Groups of the SCIM API, which an identity provider fills."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import all_pages, found_for_another
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_gone, names_of
from connectors.protocols.scim_documents import ScimGroup, group_or_none, lowered, reference_id
from connectors.protocols.scim_groups import patch
from connectors.read_backs import account_missing, none_left
from connectors.removals import GroupsLeft
from connectors.vendors.slack.answers import SCIM_PAGES, require_own
from connectors.vendors.slack.credential import SlackAccess
from connectors.vendors.slack.search import LIST_SCIM_USERS
from connectors.vendors.slack.users import scim_user, user_of, user_to_change

LIST_SCIM_GROUPS = Operation("GET", "/scim/v2/Groups")
PATCH_SCIM_GROUP = Operation("PATCH", "/scim/v2/Groups/{id}")


def groups_of(access: SlackAccess, user_id: str) -> Flow[list[ScimGroup] | None]:
    """Those that Slack names in the user's document; None where there is no such user, or the document does not name
    groups at all."""
    document = yield from scim_user(access, user_id)
    listed = None if document is None else lowered(document).get("groups")
    if not isinstance(listed, list):
        return None
    named = [(reference_id(one), one) for one in listed]
    return [
        ScimGroup(id=group, displayname=str(one.get("display") or "") if isinstance(one, dict) else "")
        for group, one in named
        if group
    ]


def _is_named(group: ScimGroup, names: Collection[str]) -> bool:
    return group.id in names or comparable(group.name) in {comparable(name) for name in names}


def _wanted(access: SlackAccess, user_id: str, effect: Effect) -> Flow[tuple[list[ScimGroup] | None, list[str]]]:
    """The user's groups, or those that `groups` names by name or ID; and the names that no group has."""
    names, own = names_of(effect, "groups"), (yield from groups_of(access, user_id))
    if names is None or own is None:
        return own, []
    missing = [name for name in sorted(names) if not any(_is_named(group, {name}) for group in own)]
    if missing:
        documents = yield from all_pages(access.settings.scim(LIST_SCIM_GROUPS.request()), SCIM_PAGES)
        every = [group for one in documents if (group := group_or_none(one)) is not None]
        missing = [name for name in missing if not any(_is_named(group, {name}) for group in every)]
    return [group for group in own if _is_named(group, names)], missing


def leave_idp_groups(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    yield from access.require("remove_from_idp_groups")
    user = yield from user_to_change(access, effect)
    groups, missing = yield from _wanted(access, user.id, effect)
    if groups is None:
        raise account_gone(effect)
    left = GroupsLeft()
    for group in groups:
        with left.leaving(group.shown()):
            removal = patch({"op": "remove", "path": f'members[value eq "{user.id}"]'})
            request = PATCH_SCIM_GROUP.request(group.id, json=removal, missing_ok=True)
            require_own((yield access.settings.scim(request)))
    left.not_found(missing)
    return left.reply("unknown")


def look_at_idp_groups(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    """No group in the user's document counts only if Slack names groups in the document of the user or of one of the
    first 20 users, or says that it has no group."""
    yield from access.require("remove_from_idp_groups")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    groups, missing = yield from _wanted(access, user.id, effect)
    left = [group.shown() for group in groups or ()]
    evidence = {**user.evidence(), "idp_groups": left, "groups_not_found": missing}
    if groups is None or missing:
        return none_left(left, evidence, shows_such=False)
    return none_left(left, evidence, shows_such=bool(left) or (yield from _shows_groups(access)))


def _shows_groups(access: SlackAccess) -> Flow[bool]:
    def groups(user_id: str) -> Flow[list[ScimGroup]]:
        return (yield from groups_of(access, user_id)) or []

    listed = SCIM_PAGES.first(LIST_SCIM_USERS.request())
    page = yield access.settings.scim(listed.with_params(count=SAMPLE_SIZE))
    users = [str(lowered(one).get("id") or "") for one in SCIM_PAGES.items(page)]
    if (yield from found_for_another([one for one in users if one], groups)):
        return True
    answer = yield access.settings.scim(LIST_SCIM_GROUPS.request(params={"startIndex": "1", "count": "1"}))
    return isinstance(answer.body, dict) and answer.body.get("totalResults") == 0
