"""Users and groups of the SCIM API, version 2.0: https://docs.slack.dev/reference/scim-api."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from orchestrator.embedded.vendors.slack import documents
from orchestrator.embedded.vendors.slack.credentials import permit_change
from orchestrator.embedded.vendors.slack.documents import CORE_GROUP, CORE_USER, ENTERPRISE, GUEST
from orchestrator.embedded.vendors.slack.errors import scim_refusal
from orchestrator.embedded.vendors.slack.filters import matches
from orchestrator.embedded.vendors.slack.grid import RANKS, SlackIdpGroup, SlackUser

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.slack.simulator import SlackSimulator

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
TEXTS = {"title": "title", "timezone": "timezone", "externalId": "externalId"}
WORK = ("employeeNumber", "costCenter", "organization", "division", "department")


def service_configuration(slack: SlackSimulator, call: Call) -> Response:
    return answer(
        {
            "authenticationSchemes": [
                {"type": "oauthbearertoken", "name": "OAuth Bearer Token", "description": "", "primary": True}
            ],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": 1000},
            "changePassword": {"supported": False},
            "sort": {"supported": False},
            "etag": {"supported": False},
            "xmlDataFormat": {"supported": False},
        }
    )


def _page(call: Call, found: list[Any]) -> tuple[list[Any], int]:
    """`startIndex` begins at 1; ten entries without `count`, at most 1,000."""
    start = max(1, int(call.first("startIndex", "1") or 1))
    count = call.page_size(min(int(call.first("count", "10") or 10), 1000))
    return found[start - 1 : start - 1 + count], start


def list_users(slack: SlackSimulator, call: Call) -> Response:
    found = list(slack.state.users.values())
    if "filter" in call.query and slack.state.heeds_scim_filters:
        found = [one for one in found if matches(call.first("filter"), one)]
    page, start = _page(call, found)
    shown = [documents.scim_user(slack.state, slack.url, one) for one in page]
    return answer(documents.scim_list(shown, len(found), start))


def _user(slack: SlackSimulator, call: Call) -> SlackUser:
    user = slack.state.users.get(call.given["id"])
    if user is None:
        raise scim_refusal(404, "no_such_user")
    return user


def _changed_user(slack: SlackSimulator, call: Call) -> SlackUser:
    user = _user(slack, call)
    permit_change(call, user)
    return user


def _shown(slack: SlackSimulator, user: SlackUser) -> Response:
    return answer(documents.scim_user(slack.state, slack.url, user))


def get_user(slack: SlackSimulator, call: Call) -> Response:
    return _shown(slack, _user(slack, call))


def delete_user(slack: SlackSimulator, call: Call) -> Response:
    """Deactivates: users cannot be deleted, https://docs.slack.dev/admins/scim-api#limitations."""
    _set_active(slack, _changed_user(slack, call), False)
    return answer(None, 204)


def _set_active(slack: SlackSimulator, user: SlackUser, value: Any) -> None:
    if not isinstance(value, bool):
        raise scim_refusal(400, "invalid_attribute_format")
    if value:
        slack.state.activate(user)
        return
    if user.is_bot:
        raise scim_refusal(400, "cannot_disable_bot_user_with_scim")
    if user.role == "primary_owner":
        raise scim_refusal(400, "cannot_disable_primary_owner")
    if "primary_owner" in user.workspaces.values():
        raise scim_refusal(400, "primary_owner_check_failure")
    slack.state.deactivate(user)


def _schemas(call: Call, *accepted: str) -> dict[str, Any]:
    body = call.body if isinstance(call.body, dict) else {}
    if not body.get("schemas"):
        raise scim_refusal(400, "missing_schema_element")
    if not set(accepted) & set(body["schemas"]):
        raise scim_refusal(400, "invalid_request_payload")
    return body


def patch_user(slack: SlackSimulator, call: Call) -> Response:
    """Operations with `add`, `replace` and `remove`; all are checked before the first is carried out."""
    body, user = _schemas(call, PATCH), _changed_user(slack, call)
    changes = []
    for operation in _operations(body):
        path, value, removes = operation.get("path", ""), operation.get("value"), operation["op"] == "remove"
        if not path and isinstance(value, dict):
            changes += [(name, one, removes) for name, one in value.items()]
        else:
            changes.append((path, value, removes))
    for path, _, _ in changes:
        if not _known(path):
            raise scim_refusal(400, "invalid_request_payload")
    for path, value, removes in changes:
        _change(slack, user, path, value, removes)
        slack.state.record_profile(user, path)
    return _shown(slack, user)


def _operations(body: dict[str, Any]) -> list[dict[str, Any]]:
    operations = body.get("Operations")
    if not isinstance(operations, list) or not operations:
        raise scim_refusal(400, "invalid_request_payload")
    if any(one.get("op") not in ("add", "replace", "remove") for one in operations):
        raise scim_refusal(400, "invalid_request_payload")
    return operations


def _known(path: str) -> bool:
    return path in {"active", "userName", "nickName", "displayName", "emails", "name", *TEXTS} or path.startswith(
        ("name.", ENTERPRISE, GUEST)
    )


def _change(slack: SlackSimulator, user: SlackUser, path: str, value: Any, removes: bool) -> None:
    if path == "active":
        _set_active(slack, user, False if removes else value)
    elif path.startswith(GUEST):
        _change_guest(slack, user, path.removeprefix(GUEST), value, removes)
    elif path.startswith(ENTERPRISE):
        _change_work(user, path.removeprefix(ENTERPRISE).lstrip(".:"), value, removes)
    elif path in ("userName", "nickName"):
        if removes or not value:
            raise scim_refusal(400, "username_empty")
        user.user_name = str(value)[:21].casefold()
    elif path == "emails":
        if removes:
            raise scim_refusal(400, "missing_primary_email")
        _set_emails(slack, user, value)
    elif path.startswith("name"):
        names = {path.partition(".")[2]: value} if "." in path else dict(value or {})
        user.given_name = str(names.get("givenName", user.given_name))
        user.family_name = str(names.get("familyName", user.family_name))
    elif path in TEXTS:
        user.profile[TEXTS[path]] = "" if removes else value


def _set_emails(slack: SlackSimulator, user: SlackUser, emails: Any) -> None:
    if not isinstance(emails, list) or not emails:
        raise scim_refusal(400, "email_empty")
    first = next((one for one in emails if one.get("primary")), emails[0])
    if any(one.email == first["value"] and one is not user for one in slack.state.users.values()):
        raise scim_refusal(400, "email_taken")
    user.email = first["value"]
    user.secondary_email = next((one["value"] for one in emails if one is not first), "")


def _change_guest(slack: SlackSimulator, user: SlackUser, part: str, value: Any, removes: bool) -> None:
    """Between a full member and a guest of several channels. A deactivated user is reactivated by it."""
    if part.lstrip(".:") == "expiration":
        user.expiration = None if removes else _moment(value)
        return
    if removes:
        user.guest, user.expiration = "", None
    else:
        if slack.state.rank(user) > RANKS.index("member"):
            raise scim_refusal(400, "cannot_make_user_guest")
        if not isinstance(value, dict) or value.get("type") != "multi":
            raise scim_refusal(400, "invalid_request_payload")
        user.guest = "multi"
        user.expiration = _moment(value["expiration"]) if value.get("expiration") else None
    slack.state.activate(user)


def _moment(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        raise scim_refusal(400, "invalid_attribute_format") from None


def _change_work(user: SlackUser, part: str, value: Any, removes: bool) -> None:
    given = dict(value or {}) if not part else {part: value}
    if "manager" in given and isinstance(given["manager"], dict):
        if "managerId" not in given["manager"]:
            raise scim_refusal(400, "improper_enterprise_schema_format")
        user.profile["managerId"] = given["manager"]["managerId"]
    if part.startswith("manager"):
        user.profile["managerId"] = None if removes else value
    for name in WORK:
        if name in given or (removes and not part):
            user.profile[name] = None if removes else given.get(name)


def put_user(slack: SlackSimulator, call: Call) -> Response:
    """Overwrites all values: attributes that the request omits become empty. `active` stays if it is omitted."""
    body, user = _schemas(call, CORE_USER), _changed_user(slack, call)
    if not body.get("userName"):
        raise scim_refusal(400, "username_empty")
    _set_emails(slack, user, body.get("emails"))
    user.user_name = str(body["userName"])[:21].casefold()
    name, work = body.get("name", {}), body.get(ENTERPRISE, {})
    user.given_name = name.get("givenName", user.given_name)
    user.family_name = name.get("familyName", user.family_name)
    user.profile = {key: body.get(key, "") for key in TEXTS} | {key: work.get(key) for key in WORK}
    user.profile["managerId"] = work.get("manager", {}).get("managerId")
    slack.state.record_profile(user, "all")
    if "active" in body:
        _set_active(slack, user, body["active"])
    return _shown(slack, user)


# Groups: those of an identity provider.


def list_groups(slack: SlackSimulator, call: Call) -> Response:
    found = list(slack.state.idp_groups.values())
    page, start = _page(call, found)
    shown = [documents.scim_group(slack.state, slack.url, one) for one in page]
    return answer(documents.scim_list(shown, len(found), start))


def _group(slack: SlackSimulator, call: Call) -> SlackIdpGroup:
    group = slack.state.idp_groups.get(call.given["id"])
    if group is None:
        raise scim_refusal(404, "no_such_group")
    return group


def get_group(slack: SlackSimulator, call: Call) -> Response:
    return answer(documents.scim_group(slack.state, slack.url, _group(slack, call)))


def patch_group(slack: SlackSimulator, call: Call) -> Response:
    """A member is named in `path`, `members[value eq U123]`, or in `value`."""
    body, group = _schemas(call, PATCH), _group(slack, call)
    for operation in _operations(body):
        path, value, kind = operation.get("path", ""), operation.get("value"), operation["op"]
        if path == "displayName" and kind == "replace":
            group.name = str(value)
        elif path.startswith("members[value eq ") and kind == "remove":
            _set_members(slack, group, [id for id in group.members if id != path[17:].rstrip("]").strip('"')])
        elif path == "members":
            named = [str(one["value"]) for one in value or []]
            if kind == "remove":
                kept = [id for id in group.members if named and id not in named]
            else:
                kept = [*(group.members if kind == "add" else []), *named]
            _set_members(slack, group, kept)
        else:
            raise scim_refusal(400, "invalid_request_payload")
    return answer(documents.scim_group(slack.state, slack.url, group))


def put_group(slack: SlackSimulator, call: Call) -> Response:
    """Without `members` the group becomes empty."""
    body, group = _schemas(call, CORE_GROUP), _group(slack, call)
    group.name = body.get("displayName", "")
    _set_members(slack, group, [str(one["value"]) for one in body.get("members", [])])
    return answer(documents.scim_group(slack.state, slack.url, group))


def delete_group(slack: SlackSimulator, call: Call) -> Response:
    group = _group(slack, call)
    del slack.state.idp_groups[group.id]
    slack.state.record("group_deleted", group.id)
    return answer(None, 204)


def _set_members(slack: SlackSimulator, group: SlackIdpGroup, members: list[str]) -> None:
    members = list(dict.fromkeys(members))
    if any(id not in slack.state.users for id in members):
        raise scim_refusal(400, "no_such_group_members")
    if any(id not in group.members and not slack.state.users[id].active for id in members):
        raise scim_refusal(400, "unable_to_add_deleted_or_guest_to_group")
    for id in [*group.members]:
        if id not in members:
            slack.state.record("removed_from_group", id, group.id)
    for id in members:
        if id not in group.members:
            slack.state.record("added_to_group", id, group.id)
    group.members = members
