"""The JSON documents in which GitHub shows what `organization.py` holds."""

from __future__ import annotations

import base64
from datetime import datetime

from orchestrator.embedded.vendors.description import VendorDocument
from orchestrator.embedded.vendors.github.organization import (
    GitHubDeployKey,
    GitHubInvitation,
    GitHubOrganization,
    GitHubRepository,
    GitHubSeat,
    GitHubTeam,
    GitHubToken,
    GitHubUser,
    InstalledApp,
)

REPOSITORY_LINKS = (
    "archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents",
    "contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs", "git_tags",
    "issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges", "milestones", "notifications",
    "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams", "trees", "hooks",
)  # fmt: skip
USER_LINKS = (
    "followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events",
    "received_events",
)  # fmt: skip
LEVELS = ("pull", "triage", "push", "maintain", "admin")


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def node(kind: str, id: int) -> str:
    return base64.b64encode(f"0:{kind}{id}".encode()).decode()


def user(url: str, one: GitHubUser) -> VendorDocument:
    own = f"{url}/users/{one.login}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node("User", one.id),
        "avatar_url": f"{url}/u/{one.id}",
        "gravatar_id": "",
        "url": own,
        "html_url": f"https://github.com/{one.login}",
        "type": "User",
        "site_admin": False,
        "user_view_type": "public",
        **{f"{name}_url": f"{own}/{name}" for name in USER_LINKS},
    }


def full_user(url: str, one: GitHubUser, created: datetime) -> VendorDocument:
    return {
        **user(url, one),
        "name": one.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": one.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": time(created),
        "updated_at": time(created),
    }


def organization(url: str, org: GitHubOrganization) -> VendorDocument:
    own = f"{url}/orgs/{org.login}"
    return {
        "login": org.login,
        "id": org.id,
        "node_id": node("Organization", org.id),
        "url": own,
        "repos_url": f"{own}/repos",
        "events_url": f"{own}/events",
        "hooks_url": f"{own}/hooks",
        "issues_url": f"{own}/issues",
        "members_url": f"{own}/members{{/member}}",
        "public_members_url": f"{own}/public_members{{/member}}",
        "avatar_url": f"{url}/u/{org.id}",
        "description": None,
    }


def membership(url: str, org: GitHubOrganization, one: GitHubUser, state: str, role: str) -> VendorDocument:
    return {
        "url": f"{url}/orgs/{org.login}/memberships/{one.login}",
        "state": state,
        "role": role,
        "organization_url": f"{url}/orgs/{org.login}",
        "organization": organization(url, org),
        "user": user(url, one),
    }


def team(url: str, org: GitHubOrganization, one: GitHubTeam) -> VendorDocument:
    own = f"{url}/organizations/{org.id}/team/{one.id}"
    return {
        "id": one.id,
        "node_id": node("Team", one.id),
        "name": one.slug,
        "slug": one.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "pull",
        "url": own,
        "html_url": f"https://github.com/orgs/{org.login}/teams/{one.slug}",
        "type": "organization",
        "members_url": f"{own}/members{{/member}}",
        "repositories_url": f"{own}/repos",
        "parent": None,
    }


def repository(url: str, org: GitHubOrganization, one: GitHubRepository) -> VendorDocument:
    own = f"{url}/repos/{org.login}/{one.name}"
    owner = {**user(url, GitHubUser(org.login, org.id, org.login, "")), "type": "Organization"}
    return {
        "id": one.id,
        "node_id": node("Repository", one.id),
        "name": one.name,
        "full_name": f"{org.login}/{one.name}",
        "owner": owner,
        "private": True,
        "html_url": f"https://github.com/{org.login}/{one.name}",
        "description": None,
        "fork": False,
        "url": own,
        **{f"{name}_url": f"{own}/{name}" for name in REPOSITORY_LINKS},
    }


def full_repository(url: str, org: GitHubOrganization, one: GitHubRepository) -> VendorDocument:
    home, created = f"https://github.com/{org.login}/{one.name}", time(org.now)
    counts = (
        "forks_count",
        "stargazers_count",
        "watchers_count",
        "size",
        "open_issues_count",
        "network_count",
        "subscribers_count",
        "forks",
        "open_issues",
        "watchers",
    )
    return {
        **repository(url, org, one),
        **dict.fromkeys(counts, 0),
        "git_url": f"git:{home}.git",
        "ssh_url": f"git@github.com:{org.login}/{one.name}.git",
        "clone_url": f"{home}.git",
        "svn_url": home,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "pushed_at": created,
        "created_at": created,
        "updated_at": created,
        "license": None,
        "visibility": "private",
    }


def collaborator(url: str, one: GitHubUser, level: str) -> VendorDocument:
    place = LEVELS.index(level)
    return {
        **user(url, one),
        "permissions": {name: number <= place for number, name in enumerate(LEVELS)},
        "role_name": {"pull": "read", "push": "write"}.get(level, level),
    }


def invitation(url: str, org: GitHubOrganization, one: GitHubInvitation) -> VendorDocument:
    inviter = org.users[org.owners()[0]]
    return {
        "id": one.id,
        "node_id": node("OrganizationInvitation", one.id),
        "login": one.login or None,
        "email": one.email,
        "role": "direct_member",
        "created_at": time(one.created),
        "failed_at": None,
        "failed_reason": None,
        "inviter": user(url, inviter),
        "team_count": 0,
        "invitation_source": "member",
        "invitation_teams_url": f"{url}/organizations/{org.id}/invitations/{one.id}/teams",
    }


def deploy_key(url: str, org: GitHubOrganization, repository: str, one: GitHubDeployKey) -> VendorDocument:
    return {
        "id": one.id,
        "key": f"ssh-ed25519 {one.id}",
        "url": f"{url}/repos/{org.login}/{repository}/keys/{one.id}",
        "title": one.title,
        "verified": True,
        "created_at": time(org.now),
        "read_only": one.read_only,
        "added_by": one.added_by,
        "last_used": None,
        "enabled": True,
    }


def authorization(one: GitHubToken) -> VendorDocument:
    return {
        "login": one.login,
        "credential_id": one.authorized,
        "credential_type": "personal access token",
        "token_last_eight": one.value[-8:].rjust(8, "0"),
        "credential_authorized_at": time(one.created),
        "credential_accessed_at": None,
        "authorized_credential_id": one.id,
        "authorized_credential_note": "script",
        "authorized_credential_title": None,
        "authorized_credential_expires_at": None,
        "scopes": list(one.scopes),
    }


def grant(url: str, org: GitHubOrganization, one: GitHubToken) -> VendorDocument:
    own = f"{url}/orgs/{org.login}/personal-access-tokens/{one.id}"
    return {
        "id": one.id,
        "owner": user(url, org.users[one.login]),
        "repository_selection": "all",
        "repositories_url": f"{own}/repositories",
        "permissions": {"repository": dict(one.permissions)},
        "access_granted_at": time(one.created),
        "token_id": one.id,
        "token_name": "script",
        "token_expired": False,
        "token_expires_at": None,
        "token_last_used_at": None,
    }


def seat(url: str, org: GitHubOrganization, one: GitHubSeat) -> VendorDocument:
    shown: VendorDocument = {
        "assignee": user(url, org.users[one.login]),
        "created_at": time(one.created),
        "plan_type": "business",
        "pending_cancellation_date": one.pending or None,
        "last_activity_at": None,
        "last_activity_editor": None,
    }
    return {**shown, "assigning_team": team(url, org, org.teams[one.team])} if one.team else shown


def installation(url: str, org: GitHubOrganization, one: InstalledApp) -> VendorDocument:
    own = f"{url}/app/installations/{one.installation}"
    account = {**user(url, GitHubUser(org.login, org.id, org.login, "")), "type": "Organization"}
    return {
        "id": one.installation,
        "account": account,
        "repository_selection": "all",
        "app_id": one.id,
        "app_slug": one.slug,
        "access_tokens_url": f"{own}/access_tokens",
        "repositories_url": f"{url}/installation/repositories",
        "html_url": f"https://github.com/organizations/{org.login}/settings/installations/{one.installation}",
        "target_id": org.id,
        "target_type": "Organization",
        "permissions": dict(one.permissions),
        "events": [],
        "created_at": time(org.now),
        "updated_at": time(org.now),
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }
