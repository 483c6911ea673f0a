"""The JSON documents in which Slack shows what `grid.py` holds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from orchestrator.embedded.vendors.description import VendorDocument
from orchestrator.embedded.vendors.slack.grid import (
    SlackChannel,
    SlackGrid,
    SlackIdpGroup,
    SlackSession,
    SlackToken,
    SlackUser,
    SlackUserGroup,
)

CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
GUEST = "urn:ietf:params:scim:schemas:extension:slack:guest:2.0:User"
SLACK_PROFILE = "urn:ietf:params:scim:schemas:extension:slack:profile:2.0:User"
LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def epoch(moment: datetime) -> int:
    return int(moment.timestamp())


def _created(moment: datetime) -> str:
    """Slack shows the zone of its own servers."""
    return moment.astimezone(timezone(timedelta(hours=-8))).isoformat(timespec="seconds")


def user(grid: SlackGrid, one: SlackUser, workspace: str, token: SlackToken) -> VendorDocument:
    """https://docs.slack.dev/reference/objects/user-object. The mail address is shown with the scope users:read.email
    only, and no error says that it is missing."""
    role = one.workspaces.get(workspace, "member")
    profile: VendorDocument = {
        "real_name": one.name,
        "real_name_normalized": one.name,
        "display_name": one.user_name,
        "display_name_normalized": one.user_name,
        "first_name": one.given_name,
        "last_name": one.family_name,
        "avatar_hash": f"g{one.id[-5:]}",
        "title": one.profile.get("title", ""),
        "phone": "",
        "skype": "",
        "status_text": "",
        "status_emoji": "",
        "fields": [],
    }
    if "users:read.email" in token.scopes:
        profile["email"] = one.email
    if one.guest:
        profile["guest_expiration_ts"] = epoch(one.expiration) if one.expiration else 0
    shown: VendorDocument = {
        "id": one.id,
        "team_id": workspace,
        "name": one.user_name,
        "real_name": one.name,
        "deleted": not one.active or workspace not in one.workspaces,
        "profile": profile,
        "is_bot": one.is_bot,
        "is_app_user": False,
        "updated": epoch(one.created),
        "is_admin": role in ("admin", "owner", "primary_owner"),
        "is_owner": role in ("owner", "primary_owner"),
        "is_primary_owner": role == "primary_owner",
        "is_restricted": bool(one.guest),
        "is_ultra_restricted": one.guest == "single",
        "has_2fa": False,
        "tz": one.profile.get("timezone", "UTC"),
        "tz_offset": 0,
    }
    if grid.organization:
        shown["enterprise_user"] = {
            "id": one.id,
            "enterprise_id": grid.organization,
            "enterprise_name": "Corp",
            "is_admin": grid.is_admin(one),
            "is_owner": one.role in ("owner", "primary_owner"),
            "teams": sorted(one.workspaces),
        }
    return shown


def admin_user(grid: SlackGrid, one: SlackUser, workspaces: list[str]) -> VendorDocument:
    """https://docs.slack.dev/reference/methods/admin.users.list."""
    return {
        "id": one.id,
        "email": one.email,
        "username": one.user_name,
        "full_name": one.name,
        "is_admin": grid.is_admin(one),
        "is_owner": one.role in ("owner", "primary_owner"),
        "is_primary_owner": one.role == "primary_owner",
        "is_restricted": bool(one.guest),
        "is_ultra_restricted": one.guest == "single",
        "is_bot": one.is_bot,
        "is_active": one.active,
        "date_created": epoch(one.created),
        "expiration_ts": epoch(one.expiration) if one.expiration else 0,
        "workspaces": workspaces,
        "has_2fa": False,
        "has_sso": True,
    }


def session(one: SlackSession) -> VendorDocument:
    """https://docs.slack.dev/reference/methods/admin.users.session.list."""
    device = {
        "device_hardware": "Phone" if one.kind == "mobile" else "Laptop",
        "os": "iOS" if one.kind == "mobile" else "macOS",
        "os_version": "19.1",
        "slack_client_version": "26.11",
        "ip": "198.51.100.7",
    }
    return {
        "user_id": one.user,
        "session_id": one.id,
        "team_id": one.workspace,
        "created": {**device, "ts": epoch(one.created)},
        "recent": {**device, "ts": epoch(one.created)},
    }


def user_group(one: SlackUserGroup, *, users: bool, count: bool) -> VendorDocument:
    """https://docs.slack.dev/reference/objects/usergroup-object."""
    shown: VendorDocument = {
        "id": one.id,
        "team_id": one.workspace,
        "is_usergroup": True,
        "is_subteam": True,
        "name": one.name,
        "description": "",
        "handle": one.handle,
        "is_external": False,
        "date_create": 1700000000,
        "date_update": 1700000000,
        "date_delete": 1700000000 if one.disabled else 0,
        "auto_type": None,
        "auto_provision": one.linked,
        "enterprise_subteam_id": "",
        "created_by": "U0SIM00000",
        "updated_by": "U0SIM00000",
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
    }
    if users:
        shown["users"] = list(one.users)
    if count:
        shown["user_count"] = len(one.users)
    return shown


def searched_channel(grid: SlackGrid, one: SlackChannel) -> VendorDocument:
    """https://docs.slack.dev/reference/methods/admin.conversations.search."""
    return {
        "id": one.id,
        "name": one.name,
        "purpose": "",
        "member_count": len(one.members),
        "created": epoch(one.created),
        "creator_id": one.creator,
        "is_private": one.private,
        "is_archived": one.archived,
        "is_general": one.general,
        "last_activity_ts": epoch(one.created),
        "is_ext_shared": False,
        "is_global_shared": False,
        "is_org_default": False,
        "is_org_mandatory": False,
        "is_org_shared": False,
        "is_frozen": False,
        "internal_team_ids": [one.workspace],
        "internal_team_ids_count": 1,
        "internal_team_ids_sample_team": one.workspace,
        "channel_manager_count": len(grid.managers(one)),
        "connected_team_ids": [],
        "pending_connected_team_ids": [],
        "conversation_host_id": one.workspace,
    }


def scim_user(grid: SlackGrid, url: str, one: SlackUser) -> VendorDocument:
    """https://docs.slack.dev/reference/scim-api#get-users-id-2."""
    emails = [{"value": one.email, "primary": True}]
    if one.secondary_email:
        emails.append({"value": one.secondary_email, "primary": False})
    shown: VendorDocument = {
        "schemas": [CORE_USER, ENTERPRISE, SLACK_PROFILE],
        "id": one.id,
        "externalId": one.profile.get("externalId", ""),
        "meta": {"created": _created(one.created), "location": f"{url}/scim/v2/Users/{one.id}"},
        "userName": one.user_name,
        "nickName": one.user_name,
        "name": {"givenName": one.given_name, "familyName": one.family_name, "honorificPrefix": None},
        "displayName": one.name,
        "profileUrl": f"https://corp.enterprise.slack.com/team/{one.user_name}",
        "title": one.profile.get("title", ""),
        "timezone": one.profile.get("timezone", "UTC"),
        "active": one.active,
        "emails": emails,
        "photos": [{"value": "https://secure.gravatar.com/avatar/0.jpg", "type": "photo"}],
        "userType": None,
        "preferredLanguage": None,
        "locale": "en-US",
        ENTERPRISE: {
            "employeeNumber": one.profile.get("employeeNumber"),
            "costCenter": one.profile.get("costCenter"),
            "organization": one.profile.get("organization"),
            "division": one.profile.get("division"),
            "department": one.profile.get("department"),
            "manager": {"managerId": one.profile.get("managerId")},
        },
        SLACK_PROFILE: {"startDate": None},
        "groups": [
            {"value": group.id, "display": group.name} for group in grid.idp_groups.values() if one.id in group.members
        ],
    }
    if one.guest:
        shown["schemas"].append(GUEST)
        shown[GUEST] = {"type": one.guest}
        if one.expiration:
            shown[GUEST]["expiration"] = one.expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
    return shown


def scim_group(grid: SlackGrid, url: str, one: SlackIdpGroup) -> VendorDocument:
    """https://docs.slack.dev/reference/scim-api#get-groups-id-2."""
    return {
        "schemas": [CORE_GROUP],
        "id": one.id,
        "meta": {"created": _created(one.created), "location": f"{url}/scim/v2/Groups/{one.id}"},
        "displayName": one.name,
        "members": [{"value": id, "display": grid.users[id].name} for id in one.members],
    }


def scim_list(shown: list[VendorDocument], total: int, start: int) -> VendorDocument:
    return {
        "schemas": [LIST],
        "Resources": shown,
        "totalResults": total,
        "itemsPerPage": len(shown),
        "startIndex": start,
    }
