"""Slack's Web API and SCIM API: methods with what each needs, limits, and Slack's forms of general failures. Slack
serves them on two hosts, the simulator on one.

A method of the Web API is called with GET or POST, and with arguments in the query, a form or JSON. Whatever a client
chose, `Call.method` is that of Slack's description, so that GET is a read and POST a change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from orchestrator.embedded.vendors.simulator import JSON, Call, Handler, Simulator, read_body
from orchestrator.embedded.vendors.slack import administration, apps, channels, credentials, people, scim, usergroups
from orchestrator.embedded.vendors.slack.arguments import as_described
from orchestrator.embedded.vendors.slack.described import SlackDescription
from orchestrator.embedded.vendors.slack.errors import failed, refusal, scim_error
from orchestrator.embedded.vendors.slack.grid import SlackGrid

PAGES = "https://docs.slack.dev/reference/methods/"
SCIM = "/scim/v2"
SCIM_PAGE = "https://docs.slack.dev/reference/scim-api"
BOTH = ("user", "bot")
PER_MINUTE = {0: 600, 1: 1, 2: 20, 3: 50, 4: 100}
"""Calls of one method by one app in one workspace or organization, by the method's tier:
https://docs.slack.dev/apis/web-api/rate-limits. 0 is the special tier of auth.test, with hundreds of calls."""
SCIM_PER_MINUTE = {"GET": 1000, "change": 600, "GET user": 300, "PATCH user": 180, "PUT user": 180, "DELETE user": 180}
"""For all apps of an organization: https://docs.slack.dev/reference/scim-api/rate-limits."""


@dataclass(frozen=True)
class SlackMethod:
    """`scopes`: one of them is needed. `newer` are errors of its page that the description of 2021 lacks, `fields`
    arguments of that kind; `undescribed`: the description lacks the method or contradicts its page."""

    handler: Handler
    verb: str
    tier: int
    scopes: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ("user",)
    enterprise: bool = False
    newer: str = ""
    fields: str = ""
    undescribed: bool = False
    not_admin: str = "not_an_admin"


def _admin(handler: Handler, verb: str, scope: str, tier: int = 2, **more: Any) -> SlackMethod:
    return SlackMethod(handler, verb, tier, (scope,), enterprise=True, **more)


USERS = "admin.users:write"
MEMBERS = ("channels:read", "groups:read", "im:read", "mpim:read")
KICK = ("channels:manage", "channels:write", "groups:write", "im:write", "mpim:write")
TABLE: Mapping[str, SlackMethod] = {
    "auth.test": SlackMethod(people.test_token, "GET", 0, tokens=BOTH),
    "auth.revoke": SlackMethod(people.revoke_token, "GET", 3, tokens=BOTH),
    "users.info": SlackMethod(people.get_user, "GET", 4, ("users:read",), BOTH),
    "users.list": SlackMethod(
        people.list_users, "GET", 2, ("users:read",), BOTH, newer="team_not_found missing_argument", fields="team_id"
    ),
    "users.lookupByEmail": SlackMethod(people.find_by_email, "GET", 3, ("users:read.email",), BOTH),
    "usergroups.list": SlackMethod(
        usergroups.list_groups, "GET", 2, ("usergroups:read",), BOTH, newer="team_not_found", fields="team_id"
    ),
    "usergroups.users.list": SlackMethod(
        usergroups.list_members, "GET", 2, ("usergroups:read",), BOTH, newer="no_such_subteam team_not_found",
        fields="team_id",
    ),
    "usergroups.users.update": SlackMethod(
        usergroups.set_members, "POST", 2, ("usergroups:write",), BOTH,
        newer="no_users_provided invalid_users failed_for_some_users no_such_subteam team_not_found", fields="team_id",
    ),
    "usergroups.disable": SlackMethod(
        usergroups.disable_group, "POST", 2, ("usergroups:write",), BOTH, newer="no_such_subteam team_not_found",
        fields="team_id",
    ),
    "conversations.members": SlackMethod(channels.list_members, "GET", 4, MEMBERS, BOTH),
    "conversations.kick": SlackMethod(channels.kick, "POST", 3, KICK, BOTH),
    "team.integrationLogs": SlackMethod(
        apps.list_integration_logs, "GET", 2, ("admin",), newer="team_not_found", fields="team_id"
    ),
    "admin.users.list": _admin(
        administration.list_users, "GET", "admin.users:read", 4, undescribed=True,
    ),
    "admin.users.remove": _admin(
        administration.remove_user, "POST", USERS, not_admin="invalid_permissions",
        newer="invalid_permissions user_not_found team_not_found cannot_modify_primary_owner user_already_deleted",
    ),
    "admin.users.deactivate": _admin(administration.deactivate_user, "POST", USERS, undescribed=True),
    "admin.users.setExpiration": _admin(administration.set_expiration, "POST", USERS, undescribed=True),
    "admin.users.setRegular": _admin(
        administration.set_regular, "POST", USERS, newer="user_not_found team_not_found cannot_modify_primary_owner",
    ),
    "admin.users.session.list": _admin(administration.list_sessions, "GET", "admin.users:read", undescribed=True),
    "admin.users.session.reset": _admin(
        administration.reset_sessions, "POST", USERS,
        newer="user_not_found cannot_reset_bot cannot_reset_primary_owner",
    ),
    "admin.users.session.resetBulk": _admin(
        administration.reset_sessions_of_many, "POST", USERS, undescribed=True,
    ),
    "admin.users.session.invalidate": _admin(
        administration.invalidate_session, "POST", USERS, undescribed=True,
    ),
    "admin.roles.listAssignments": _admin(
        administration.list_role_assignments, "GET", "admin.roles:read", 3, undescribed=True, not_admin="invalid_actor",
    ),
    "admin.roles.removeAssignments": _admin(
        administration.remove_role_assignments, "POST", "admin.roles:write", undescribed=True,
        not_admin="invalid_actor",
    ),
    "admin.conversations.search": _admin(channels.search_channels, "GET", "admin.conversations:read", undescribed=True),
    "admin.conversations.getTeams": _admin(
        channels.list_teams, "GET", "admin.conversations:read", 3, newer="not_an_admin",
    ),
    "admin.conversations.invite": _admin(
        channels.invite, "POST", "admin.conversations:write", not_admin="user_must_be_admin",
        newer="failed_for_some_users",
    ),
    "admin.conversations.archive": _admin(channels.archive, "POST", "admin.conversations:write", newer="not_an_admin"),
    "admin.apps.approved.list": _admin(
        apps.list_approved_apps, "GET", "admin.apps:read", undescribed=True,
    ),
    "admin.apps.uninstall": _admin(
        apps.uninstall, "POST", "admin.apps:write", 1, undescribed=True, not_admin="permission_denied",
    ),
}  # fmt: skip
SCIM_ROUTES: Mapping[str, Handler] = {
    f"GET {SCIM}/ServiceProviderConfig": scim.service_configuration,
    f"GET {SCIM}/Users": scim.list_users,
    f"GET {SCIM}/Users/{{id}}": scim.get_user,
    f"PATCH {SCIM}/Users/{{id}}": scim.patch_user,
    f"PUT {SCIM}/Users/{{id}}": scim.put_user,
    f"DELETE {SCIM}/Users/{{id}}": scim.delete_user,
    f"GET {SCIM}/Groups": scim.list_groups,
    f"GET {SCIM}/Groups/{{id}}": scim.get_group,
    f"PATCH {SCIM}/Groups/{{id}}": scim.patch_group,
    f"PUT {SCIM}/Groups/{{id}}": scim.put_group,
    f"DELETE {SCIM}/Groups/{{id}}": scim.delete_group,
}
METHODS: Mapping[str, tuple[str, SlackMethod]] = {f"{one.verb} /api/{name}": (name, one) for name, one in TABLE.items()}
ROUTES: Mapping[str, Handler] = {**{name: one.handler for name, (_, one) in METHODS.items()}, **SCIM_ROUTES}
UNDESCRIBED = {
    **{operation: f"{PAGES}{name}" for operation, (name, one) in METHODS.items() if one.undescribed},
    **dict.fromkeys(SCIM_ROUTES, SCIM_PAGE),
}
OPERATIONS = sorted(ROUTES.keys() - UNDESCRIBED.keys())


MISTAKEN: Mapping[str, str] = {
    r"auth\.test.*enterprise_id": "its page has it: https://docs.slack.dev/reference/methods/auth.test",
    r"team\.integrationLogs.*should be non-empty": "a list that a filter makes empty is not described",
}


class DescribedMethods(SlackDescription):
    newer_errors: ClassVar[Mapping[str, frozenset[str]]] = {
        operation: frozenset(f"{one.newer} feature_not_enabled {one.not_admin if one.enterprise else ''}".split())
        for operation, (_, one) in METHODS.items()
    }


class SlackSimulator(Simulator):
    """`state` is the `SlackGrid`. `per_minute` has limits of methods that differ from their tiers."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    mistaken = MISTAKEN
    state: SlackGrid

    def __init__(self, plan: str = "enterprise") -> None:
        super().__init__(DescribedMethods.of(Path(__file__).parent), None)
        self.state = SlackGrid(self.now, plan)
        self.per_minute: dict[str, int] = {}
        self.retry_after = 30
        self._minute, self._used = 0, Counter[str]()
        self._of_scim = False

    def _call(self, request: Request, body: bytes) -> Call:
        path = request.url.path
        if not path.startswith("/api/"):
            return super()._call(request, body)
        method = TABLE.get(path.removeprefix("/api/"))
        call = super()._call(request, b"")
        query = {name: values[0] for name, values in call.query.items()}
        given = read_body(body, request.headers) if request.method == "POST" else None
        is_json = request.headers.get("content-type", "").startswith(JSON)
        if method is not None and request.method in ("GET", "POST"):
            call.operation, call.method = f"{method.verb} {path}", method.verb
            if is_json and method.verb == "GET" and not path.startswith("/api/admin."):
                given = None  # Methods that read take no JSON: https://docs.slack.dev/apis/web-api#basics.
        call.noted["arguments"] = {**query, **(given if isinstance(given, dict) else {})}
        call.noted["surface"] = "web"
        return call

    def _described_fields(self, call: Call) -> tuple[dict[str, list[str]], Any]:
        facts = self.description.operations[call.operation]
        hidden = {"token", *METHODS[call.operation][1].fields.split()}
        given = {name: one for name, one in call.noted["arguments"].items() if name not in hidden}
        if "body" in facts:
            fields = facts["body"].get("properties", {})
            return {}, {name: as_described(one, fields.get(name, {})) for name, one in given.items()}
        known = {name: one["schema"] for name, one in facts["parameters"].items()}
        query = {name: [_as_text(as_described(one, known.get(name, {})))] for name, one in given.items()}
        if facts["parameters"].get("token", {}).get("in") == "query":
            query["token"] = ["as in the header Authorization"]
        return query, None

    def identify(self, call: Call) -> Any:
        if call.operation in METHODS:
            return credentials.caller_of_method(self, call)
        return credentials.caller_of_scim(self, call)

    def permit(self, call: Call) -> None:
        if call.operation in METHODS:
            _, method = METHODS[call.operation]
            call.noted["scopes"] = (call.caller.token.scopes, method.scopes)
            credentials.permit_method(self, call, method)
            if call.noted["arguments"].get("limit") and not str(call.noted["arguments"]["limit"]).isdigit():
                raise refusal("invalid_arguments")

    def over_limit(self, call: Call) -> bool:
        self._of_scim = call.operation not in METHODS
        minute = int(self.now().timestamp()) // 60
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        if self._of_scim:
            kinds = ["GET" if call.method == "GET" else "change"]
            if "/Users/{id}" in call.operation:
                kinds.append(f"{call.method} user")
            self._used.update(kinds)
            return any(self._used[kind] > self.per_minute.get(kind, SCIM_PER_MINUTE[kind]) for kind in kinds)
        name, method = METHODS[call.operation]
        token = self.state.tokens.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        key = f"{name} {token.app} {token.team}" if token else f"{name} unknown"
        self._used[key] += 1
        return self._used[key] > self.per_minute.get(name, PER_MINUTE[method.tier])

    def dressed(self, call: Call, response: Response) -> Response:
        response.headers["x-slack-req-id"] = f"simulated{len(self.requests)}"
        if "scopes" in call.noted:
            provided, accepted = call.noted["scopes"]
            response.headers["x-oauth-scopes"] = ",".join(provided)
            response.headers["x-accepted-oauth-scopes"] = ",".join(accepted)
        return response

    def unknown_path(self, call: Call) -> Response:
        if call.noted.get("surface") == "web":
            return failed("unknown_method", req_method=call.path.removeprefix("/api/"))
        return scim_error(404, "bad_endpoint")

    def malformed(self, faults: list[str]) -> Response:
        return failed("invalid_arguments", response_metadata={"messages": faults})

    def limited(self) -> Response:
        response = scim_error(429, "too_many_requests") if self._of_scim else failed("ratelimited")
        response.status_code = 429
        response.headers["retry-after"] = str(self.retry_after)
        return response

    def broken(self, status: int) -> Response:
        """With 200 an error within the answer, as Slack's own servers give it; else an answer of those before them."""
        if status == 200:
            return failed("internal_error")
        return scim_error(status, "internal_error") if self._of_scim else PlainTextResponse("upstream error", status)

    def expired(self) -> Response:
        return scim_error(401, "invalid_authentication") if self._of_scim else failed("token_expired")


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
