"""A leaver's account at the simulator of each vendor: how Offboard connects to it, what the leaver can use there, and
what the manager gets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import httpx
from starlette.responses import Response

from connectors.vendors.google_workspace.check import NEEDED
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.github.seeds import seed_github
from orchestrator.embedded.vendors.github.simulator import GitHubSimulator
from orchestrator.embedded.vendors.okta.seeds import SERVICE_SCOPES, seed_okta
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from orchestrator.embedded.vendors.simulator import Call, Simulator
from orchestrator.embedded.vendors.slack.seeds import seed_slack
from orchestrator.embedded.vendors.slack.simulator import SlackSimulator
from tests.vendors.entra.errors import error
from tests.vendors.entra.seeds import seed_entra
from tests.vendors.entra.simulator import EntraSimulator
from tests.vendors.google.seeds import seed_google
from tests.vendors.google.simulator import GoogleSimulator

ProveAccess = Callable[[], Awaitable[bool]]
Web = httpx.AsyncClient


@dataclass(frozen=True)
class LeaverTeam:
    """The leaver is the first manager among the people, whom the seeds make the owner of groups."""

    leaver: Employee
    manager: Employee
    report: Employee
    colleague: Employee

    @property
    def people(self) -> Sequence[Employee]:
        return [self.report, self.leaver, self.colleague, self.manager]


@dataclass(frozen=True)
class VendorAccount:
    """`connection` has settings in the clear, `secrets` those that are files; `parameters` are of steps, by ability.
    `ids` are of the leaver at the vendor, `ours` of the client with which Offboard works.

    `usable` has what the leaver can use, each with a request or a look that shows whether it works; `outlasts` names
    those that work until the token expires. `sessions_end` is what ends with the sessions, and what cannot be ended,
    where old tokens last for a time. `handed_over` are the lines of the state that differ at the end for others than
    the leaver. `noted` are parts of the snapshot that are not empty. `disturb` makes the next requests fail, and
    `needs_people` has the codes of the exceptions that this opens."""

    connection: Mapping[str, str]
    secrets: Mapping[str, str]
    match: Sequence[tuple[str, str]]
    ids: frozenset[str]
    ours: frozenset[str]
    usable: Mapping[str, ProveAccess]
    is_gone: Callable[[], bool]
    disturb: Callable[[], None]
    noted: frozenset[str]
    needs_people: frozenset[str] = frozenset()
    outlasts: frozenset[str] = frozenset()
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sessions_end: tuple[Sequence[str], Sequence[str]] | None = None
    handed_over: frozenset[str] = field(default_factory=frozenset)


def by(number: str, *mail: str) -> Sequence[tuple[str, str]]:
    """Match keys of the packet and attributes of the kind."""
    return [("employee_number", number), *(("email", one) for one in mail)]


def status(expected: int, ask: Callable[[], Awaitable[httpx.Response]]) -> ProveAccess:
    async def proof() -> bool:
        return (await ask()).status_code == expected

    return proof


def seen(look: Callable[[], bool]) -> ProveAccess:
    async def proof() -> bool:
        return look()

    return proof


def bearer(value: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {value}"}


class TenantWithoutEligibleRoles(EntraSimulator):
    """How Graph answers a tenant whose licence has no Privileged Identity Management."""

    def unknown_path(self, call: Call) -> Response:
        if "/roleEligibilitySchedule" in call.path:
            return error(400, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 license.")
        return super().unknown_path(call)


def okta_account(okta: OktaSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, org, faults = seed_okta(okta, team.people), okta.state, okta.faults
    okta.limit_seconds = 1
    user = seed.user(team.leaver.employee_number)
    org.apps[seed.apps["Payroll"].id].users.add(user.id)
    session = org.new_session(user)
    tokens = {one.kind: one.value for one in org.tokens.values() if one.user == user.id}
    (api_token,) = (one.value for one in org.api_tokens.values() if one.user == user.id)
    mobile = seed.mobile.id

    async def introspected() -> bool:
        form = {"token": tokens["access_token"]}
        answered = await web.post("/oauth2/v1/introspect", params={"client_id": mobile}, data=form)
        return bool(answered.json()["active"])

    def disturb() -> None:
        faults.limit("POST", "/lifecycle/suspend")
        faults.expire("POST", "/lifecycle/suspend")
        faults.cut("DELETE", "/sessions")
        faults.break_down("GET", "/factors", status=500)
        faults.lose_reply("POST", "/lifecycle/reset_factors")
        faults.lose_reply("DELETE", "/groups/")
        faults.limit("DELETE", "/roles/")
        faults.lose_reply("DELETE", "/api-tokens/")
        faults.break_down("DELETE", "/apps/", status=503)
        faults.lose_reply("POST", "/lifecycle/deactivate")
        faults.lose_reply("DELETE", r"/users/\w+$")

    refresh = {"grant_type": "refresh_token", "client_id": mobile, "refresh_token": tokens["refresh_token"]}
    return VendorAccount(
        connection={
            "url": okta.url,
            "client_id": seed.service.id,
            "scopes": " ".join(SERVICE_SCOPES),
        },
        secrets={"private_key": seed.key.as_pem(private=True).decode()},
        match=by("employeeNumber", "login"),
        ids=frozenset({user.id}),
        ours=frozenset({seed.service.id}),
        usable={
            "password": status(
                200, lambda: web.post("/api/v1/authn", json={"username": user.login, "password": user.password})
            ),
            "session": status(200, lambda: web.get("/api/v1/sessions/me", headers={"Cookie": f"sid={session.id}"})),
            "refresh token": status(200, lambda: web.post("/oauth2/v1/token", data=refresh)),
            "access token": introspected,
            "API token": status(200, lambda: web.get("/api/v1/users", headers=bearer(api_token, "SSWS"))),
            "application": seen(lambda: bool(org.assignment(seed.apps["Payroll"], user))),
            "factors": seen(lambda: any(one.user == user.id for one in org.factors.values())),
        },
        is_gone=lambda: user.id not in org.users,
        disturb=disturb,
        sessions_end=(["sessions", "refresh_tokens"], ["application_sessions"]),
        noted=frozenset({"groups", "factors", "grants", "apps", "roles", "api_tokens"}),
    )


def entra_account(entra: EntraSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, tenant, faults = seed_entra(entra, team.people), entra.state, entra.faults
    tenant.new_role_assignment("Global Administrator", tenant.new_user("root@corp.example"))  # each tenant has one
    user, manager, report = (seed.user(one.employee_number) for one in (team.leaver, team.manager, team.report))
    tickets = {kind: one.value for kind, one in seed.tickets[team.leaver.employee_number].items()}
    groups = tenant.groups.values()
    owned = [group for group in groups if user.id in group.owners]
    kept = [group.name for group in groups if user.id in group.members and (group.rule or group.synced)]

    def token(**form: str) -> ProveAccess:
        return status(200, lambda: web.post(entra.token_url, data={"client_id": seed.mobile.app_id, **form}))

    def disturb() -> None:
        faults.limit("PATCH", "/users/")
        faults.expire("PATCH", "/users/")
        faults.cut("POST", "/revokeSignInSessions")
        faults.lose_reply("DELETE", r"/members/\S+/\$ref")
        faults.lose_reply("POST", r"/owners/\$ref")
        faults.break_down("PUT", r"/manager/\$ref")
        faults.limit("DELETE", "/roleAssignments/")
        faults.lose_reply("DELETE", "/appRoleAssignments/")
        faults.break_down("GET", "/authentication/", status=504)
        faults.lose_reply("DELETE", "/fido2Methods/")
        faults.lose_reply("POST", "/assignLicense")
        faults.lose_reply("DELETE", "/oauth2PermissionGrants/")
        faults.lose_reply("DELETE", r"/users/[\w-]+$")

    return VendorAccount(
        connection={
            "url": f"{entra.url}/v1.0",
            "login_url": entra.url,
            "tenant": tenant.id,
            "client_id": seed.service.app_id,
        },
        secrets={"client_secret": seed.service.secret},
        match=by("employeeId", "userPrincipalName"),
        ids=frozenset({user.id}),
        ours=frozenset({seed.service.id}),
        usable={
            "password": token(grant_type="password", username=user.upn, password=user.password),
            "refresh token": token(grant_type="refresh_token", refresh_token=tickets["refresh_token"]),
            "access token": status(200, lambda: web.get("/v1.0/me", headers=bearer(tickets["access_token"]))),
            "application": seen(lambda: any(one.principal == user.id for one in tenant.app_assignments.values())),
            "licence": seen(lambda: bool(user.licences)),
            "directory role": seen(lambda: any(one.principal == user.id for one in tenant.role_assignments.values())),
        },
        is_gone=lambda: (
            user.deleted is not None and set(map(attrgetter("name"), tenant.groups_of(user.id))) <= set(kept)
        ),
        disturb=disturb,
        noted=frozenset({"groups", "roles", "apps", "grants", "methods", "licenses", "owned", "reports"}),
        sessions_end=(["sessions", "refresh_tokens"], ["access_tokens", "application_sessions"]),
        outlasts=frozenset({"access token"}),
        parameters={"remove_from_groups": {"keep": kept}},  # Graph cannot remove members of these
        handed_over=frozenset(
            {
                *(f"groups/{group.id} owners={manager.id}" for group in owned),
                f"users/{report.id} manager={manager.id}",
            }
        ),
    )


def google_account(google: GoogleSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, workspace, faults = seed_google(google, team.people), google.state, google.faults
    seed.service.delegated |= {scope for scopes in NEEDED.values() for scope in scopes}
    workspace.assign_role("1", seed.admin)
    workspace.transfer_reads = 0  # Google completes a transfer in minutes to days
    user, manager = (seed.user(one.employee_number) for one in (team.leaver, team.manager))
    tokens = {kind: one.value for kind, one in seed.tokens[team.leaver.employee_number].items()}
    owned = [group for group in workspace.groups.values() if group.members.get(user.id) == "OWNER"]
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": seed.mobile.id}
    handed = {f"groups/{group.id} members={manager.id}:OWNER" for group in owned}
    handed |= {f"groups/{one.id} members={manager.id}:MEMBER" for one in owned if manager.id in one.members}

    def disturb() -> None:
        faults.limit_as_forbidden("PUT", "/users/")
        faults.expire("PUT", "/users/")
        faults.cut("POST", "/signOut")
        faults.limit("DELETE", "/tokens/")
        faults.lose_reply("DELETE", "/tokens/")
        faults.lose_reply("DELETE", "/asps/")
        faults.lose_reply("POST", "/verificationCodes/invalidate")
        faults.lose_reply("DELETE", "/roleassignments/")
        faults.lose_reply("POST", "/transfers$")
        faults.lose_reply("PATCH", "/members/")
        faults.break_down("DELETE", "/members/", status=503)
        faults.limit_as_forbidden("DELETE", "/aliases/")
        faults.lose_reply("DELETE", "/sku/")
        faults.break_down("GET", "/users/", status=500, after=20)
        faults.lose_reply("DELETE", r"/users/\w+$")

    return VendorAccount(
        connection={
            "url": google.url,
            "licensing_url": google.url,
            "token_url": google.token_url,
            "admin_email": seed.admin.email,
            "service_account_email": seed.service.email,
        },
        secrets={"private_key": seed.key.as_pem(private=True).decode()},
        match=by("externalId", "email"),
        ids=frozenset({user.id}),
        ours=frozenset({seed.service.id}),
        usable={
            "web session": seen(lambda: user.sessions > 0),
            "app password": seen(lambda: bool(user.app_passwords)),
            "backup codes": seen(lambda: bool(user.backup_codes)),
            "refresh token": status(200, lambda: web.post("/token", data=refresh)),
            "access token": status(
                200, lambda: web.post("/oauth2/v2/tokeninfo", params={"access_token": tokens["access_token"]})
            ),
            "administrator role": seen(lambda: bool(workspace.assignments_of(user, indirect=True))),
            "licence": seen(lambda: bool(user.licences)),
        },
        is_gone=lambda: user.deleted is not None and user.suspended and not workspace.groups_of(user.id),
        disturb=disturb,
        sessions_end=(["sessions"], ["application_sessions"]),
        noted=frozenset({"aliases", "owned_groups", "roles", "grants", "app_passwords", "backup_codes", "licenses"}),
        handed_over=frozenset(handed),
    )


def github_account(github: GitHubSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, org, faults = seed_github(github, team.people), github.state, github.faults
    github.limit_seconds = 1
    number = team.leaver.employee_number
    user = seed.user(number)
    org.invite_address(team.leaver.email)
    org.saml = True

    def reads(token: str, path: str = "/repos/corp/billing") -> ProveAccess:
        return status(200, lambda: web.get(path, headers=bearer(token)))

    def disturb() -> None:
        faults.limit_as_forbidden("POST", "/personal-access-tokens/")
        faults.expire("POST", "/personal-access-tokens/")
        faults.lose_reply("POST", "/personal-access-tokens/")
        faults.break_down("GET", "/credential-authorizations", status=502)
        faults.lose_reply("DELETE", "/credential-authorizations/")
        faults.lose_reply("DELETE", "/copilot/")
        faults.lose_reply("DELETE", "/memberships/")
        faults.break_down("POST", "/graphql", status=502)
        faults.limit_as_forbidden("DELETE", "/invitations/")
        faults.lose_reply("DELETE", "/invitations/")

    classic, fine_grained = seed.tokens[number].value, seed.fine_grained[number].value
    return VendorAccount(
        connection={
            "url": github.url,
            "organization": "corp",
            "app_id": str(seed.app.id),
            "installation_id": str(seed.app.installation),
            "employee_number_attribute": "employeeNumber",
        },
        secrets={"private_key": json.dumps(seed.key.as_dict(private=True))},
        match=by("employeeNumber", "samlNameId", "verifiedEmail"),
        ids=frozenset({user.login, team.leaver.email}),
        ours=frozenset({"installation"}),
        usable={
            "classic token": reads(classic),
            "fine-grained token": reads(fine_grained),
            "membership": reads(classic, "/user/memberships/orgs/corp"),
            "Copilot seat": seen(lambda: user.login in org.seats),
            "invitation": seen(lambda: any(one.email == team.leaver.email for one in org.invitations.values())),
        },
        is_gone=lambda: (
            user.login not in {*org.members, *org.outside_collaborators()}
            and all(user.login not in one.members for one in org.teams.values())
        ),
        disturb=disturb,
        noted=frozenset({"teams", "fine_grained_tokens", "ssh_keys", "identities", "verified_emails"}),
    )


def slack_account(slack: SlackSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, grid, faults = seed_slack(slack, team.people), slack.state, slack.faults
    slack.retry_after = 1
    number = team.leaver.employee_number
    user = seed.user(number)
    emptied = [one.id for one in grid.user_groups.values() if one.users == [user.id]]

    async def accepted() -> bool:
        return bool((await web.post("/api/auth.test", headers=bearer(seed.tokens[number].value))).json()["ok"])

    def disturb() -> None:
        faults.limit("DELETE", "/Users/")
        faults.break_down("DELETE", "/Users/", status=503)
        faults.lose_reply("DELETE", "/Users/")
        faults.break_down("POST", "session.reset", status=200)
        faults.expire("POST", "session.reset")  # which a person sees to: this token is not renewed
        faults.lose_reply("POST", "session.reset")
        faults.lose_reply("POST", "usergroups.users.update")
        faults.lose_reply("POST", "usergroups.disable")
        faults.limit("PATCH", "/Groups/")
        faults.lose_reply("PATCH", "/Groups/")
        faults.lose_reply("POST", "admin.roles.removeAssignments")
        faults.break_down("POST", "admin.users.setRegular", status=200)
        faults.lose_reply("POST", "admin.users.remove")
        faults.break_down("GET", "users.info", status=503, after=4)

    return VendorAccount(
        connection={"url": slack.url, "scim_url": slack.url, "team_id": grid.organization},
        secrets={"token": seed.token},
        match=by("employeeNumber", "email"),
        ids=frozenset({user.id}),
        ours=frozenset(),
        usable={
            "token of an app": accepted,
            "sessions": seen(lambda: any(one.user == user.id for one in grid.sessions.values())),
            "role": seen(lambda: any(one.user == user.id for one in grid.role_assignments) or grid.rank(user) > 0),
        },
        is_gone=lambda: (
            not user.active
            and not user.workspaces
            and all(user.id not in one.users or one.disabled for one in grid.user_groups.values())
            and all(user.id not in one.members for one in grid.idp_groups.values())
        ),
        disturb=disturb,
        needs_people=frozenset({"credential_refused"}),
        noted=frozenset({"workspaces", "sessions", "user_groups", "idp_groups", "roles", "apps"}),
        handed_over=frozenset(f"user_groups/{one} disabled={value}" for one in emptied for value in (False, True)),
    )


MakeAccounts = Mapping[str, tuple[Callable[[], Simulator], Callable[[Any, Web, LeaverTeam], VendorAccount]]]
VENDORS: MakeAccounts = {
    "okta": (OktaSimulator, okta_account),
    "entra": (TenantWithoutEligibleRoles, entra_account),
    "google_workspace": (GoogleSimulator, google_account),
    "github": (GitHubSimulator, github_account),
    "slack": (SlackSimulator, slack_account),
}
