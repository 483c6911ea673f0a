"""What an account has before a run changes it."""

from __future__ import annotations

from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import account_missing, seen
from connectors.vendors.google_workspace.admin_sdk import GoogleWorkspaceSettings
from connectors.vendors.google_workspace.credentials import app_passwords_of, count_backup_codes, tokens_of
from connectors.vendors.google_workspace.groups import MAX_PARENTS_READ, groups_by_groups, groups_of, role_in
from connectors.vendors.google_workspace.licenses import own_licenses
from connectors.vendors.google_workspace.roles import removable_roles, roles_of
from connectors.vendors.google_workspace.users import WorkspaceUser, user_of


def snapshot(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    """`not_shown` names what the administrator or the service account may not read, and what was not read to its
    end."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    evidence: dict[str, Any] = {
        "org_unit": user.org_unit,
        "super_administrator": user.is_admin,
        "delegated_administrator": user.is_delegated_admin,
        "two_step_verification": {"enrolled": user.in_two_step, "enforced": user.two_step_enforced},
        "aliases": list(user.aliases or ()),
        "aliases_not_removable": list(user.fixed_aliases or ()),
        "manager": user.manager,
        "last_sign_in": user.last_login,
    }
    not_shown: list[str] = []
    sections: tuple[tuple[str, Flow[Any]], ...] = (
        ("groups", _groups(user, not_shown)),
        ("roles", roles_of(settings, user)),
        ("grants", _shown(tokens_of(user.id))),
        ("app_passwords", _shown(app_passwords_of(user.id))),
        ("backup_codes", count_backup_codes(user.id)),
        ("licenses", _shown(own_licenses(settings, user))),
    )
    for name, read in sections:
        try:
            evidence |= {name: (yield from read)}
        except (ActionRequiredError, RefusedError):
            not_shown.append(name)
    if "roles" in evidence:
        evidence["removable_roles"] = removable_roles(user, evidence["roles"])
    groups = evidence.pop("groups", None)
    return seen(True, {**user.evidence(), **evidence, **(groups or {}), "not_shown": not_shown})


def _shown(read: Flow[Any]) -> Flow[list[Any]]:
    return [item.shown() for item in (yield from read)]


def _groups(user: WorkspaceUser, not_shown: list[str]) -> Flow[dict[str, Any]]:
    direct = yield from groups_of(user.id)
    reached, complete = yield from groups_by_groups(direct)
    if not complete:
        not_shown.append("groups_by_groups")
    groups = []
    for number, group in enumerate(direct):
        role = (yield from role_in(group, user.id)) if number < MAX_PARENTS_READ else ""
        groups.append(group.shown() | {"role": role})
    if len(direct) > MAX_PARENTS_READ:
        not_shown.append("owned_groups")
    return {
        "groups": groups,
        "groups_by_groups": [group.shown() for group in reached],
        "owned_groups": [group for group in groups if group["role"] == "OWNER"],
    }
