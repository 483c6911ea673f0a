"""Other access of a user: factors, admin roles, grants and tokens of clients, API tokens, sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.description import VendorDocument
from orchestrator.embedded.vendors.okta import documents
from orchestrator.embedded.vendors.okta.errors import not_found, wrong_status
from orchestrator.embedded.vendors.okta.groups import group_of
from orchestrator.embedded.vendors.okta.organisation import OktaSession, OktaToken
from orchestrator.embedded.vendors.okta.pages import page
from orchestrator.embedded.vendors.okta.users import changed_user, user_of
from orchestrator.embedded.vendors.simulator import Call, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

OKTA_VERIFY = ("push", "signed_nonce", "token:software:totp")


def list_factors(okta: OktaSimulator, call: Call) -> Response:
    user = user_of(okta, call)
    return answer([documents.factor(okta.url, one) for one in okta.state.factors.values() if one.user == user.id])


def remove_factor(okta: OktaSimulator, call: Call) -> Response:
    """Okta Verify's push and signed nonce take each other along, and its one-time password."""
    user, org = changed_user(okta, call), okta.state
    factor = org.factors.get(call.given["factor"])
    if factor is None or factor.user != user.id:
        raise not_found(call.given["factor"], "UserFactor")
    if user.status == "DEPROVISIONED":
        raise wrong_status()
    gone = [factor.id]
    if factor.type in ("push", "signed_nonce"):
        gone = [
            one.id
            for one in org.factors.values()
            if one.user == user.id and one.provider == "OKTA" and one.type in OKTA_VERIFY
        ]
    for id in gone:
        del org.factors[id]
    return answer(None, 204)


def reset_factors(okta: OktaSimulator, call: Call) -> Response:
    user, org = changed_user(okta, call), okta.state
    org.factors = {id: one for id, one in org.factors.items() if one.user != user.id}
    return answer({})


def list_roles(okta: OktaSimulator, call: Call) -> Response:
    """Those that a group brings are listed too, with the assignment type GROUP."""
    roles = okta.state.roles_of(user_of(okta, call))
    return answer([documents.role(okta.url, role, assigned) for role, assigned in roles])


def remove_role(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    role = okta.state.roles.get(call.given["role"])
    if role is None or role.assignee != user.id:
        raise not_found(call.given["role"], "RoleAssignment")
    del okta.state.roles[role.id]
    return answer(None, 204)


def list_group_roles(okta: OktaSimulator, call: Call) -> Response:
    group = group_of(okta, call)
    return answer(
        [documents.role(okta.url, one, "GROUP") for one in okta.state.roles.values() if one.assignee == group.id]
    )


def remove_group_role(okta: OktaSimulator, call: Call) -> Response:
    group = group_of(okta, call)
    role = okta.state.roles.get(call.given["role"])
    if role is None or role.assignee != group.id:
        raise not_found(call.given["role"], "RoleAssignment")
    del okta.state.roles[role.id]
    return answer(None, 204)


def list_client_roles(okta: OktaSimulator, call: Call) -> Response:
    client = call.given["client"]
    if client not in okta.state.clients:
        raise not_found(client, "PublicClientApp")
    return answer(
        [documents.role(okta.url, one, "CLIENT") for one in okta.state.roles.values() if one.assignee == client]
    )


def list_users_with_roles(okta: OktaSimulator, call: Call) -> Response:
    users = [one for one in okta.state.users.values() if any(okta.state.roles_of(one))]
    limit = int(call.first("limit", "100"))
    start = int(call.first("after", "0"))
    shown = [
        {
            "id": one.id,
            "orn": f"orn:okta:directory:00o000000simulated00:users:{one.id}",
            "_links": {
                "self": {"href": f"{okta.url}/api/v1/users/{one.id}"},
                "roles": {"href": f"{okta.url}/api/v1/users/{one.id}/roles"},
            },
        }
        for one in users[start : start + limit]
    ]
    body: VendorDocument = {"value": shown}
    if start + limit < len(users):
        body["_links"] = {"next": {"href": f"{okta.url}{call.path}?limit={limit}&after={start + limit}"}}
    return answer(body)


def list_grants(okta: OktaSimulator, call: Call) -> Response:
    user, scope, client = user_of(okta, call), call.first("scopeId"), call.given.get("client")
    found = [
        one
        for one in okta.state.grants.values()
        if one.user == user.id and one.scope == (scope or one.scope) and one.client == (client or one.client)
    ]
    return page(okta.url, call, [documents.grant(okta.url, one) for one in found], default=20, most=200)


def remove_grants(okta: OktaSimulator, call: Call) -> Response:
    user, client = changed_user(okta, call), call.given.get("client")
    org = okta.state
    org.grants = {
        id: one for id, one in org.grants.items() if one.user != user.id or one.client != (client or one.client)
    }
    return answer(None, 204)


def remove_grant(okta: OktaSimulator, call: Call) -> Response:
    user = changed_user(okta, call)
    grant = okta.state.grants.get(call.given["grant"])
    if grant is None or grant.user != user.id:
        raise not_found(call.given["grant"], "OAuth2ScopeConsentGrant")
    del okta.state.grants[grant.id]
    return answer(None, 204)


def list_clients(okta: OktaSimulator, call: Call) -> Response:
    """Those for which the user has grants or tokens."""
    user, org = user_of(okta, call), okta.state
    ids = {one.client for one in org.grants.values() if one.user == user.id}
    ids |= {one.client for one in org.tokens.values() if one.user == user.id and org.live(one)}
    return answer([documents.client(okta.url, org.clients[id], user) for id in sorted(ids)])


def _refresh_tokens(okta: OktaSimulator, call: Call) -> list[OktaToken]:
    user = user_of(okta, call)
    return [
        one
        for one in okta.state.tokens.values()
        if one.user == user.id
        and one.client == call.given["client"]
        and one.kind == "refresh_token"
        and not one.revoked
    ]


def list_refresh_tokens(okta: OktaSimulator, call: Call) -> Response:
    tokens = [documents.refresh_token(okta.url, one) for one in _refresh_tokens(okta, call)]
    return page(okta.url, call, tokens, default=20, most=200)


def revoke_refresh_tokens(okta: OktaSimulator, call: Call) -> Response:
    okta.state.revoke_tokens(changed_user(okta, call), call.given["client"])
    return answer(None, 204)


def revoke_refresh_token(okta: OktaSimulator, call: Call) -> Response:
    changed_user(okta, call)
    for token in _refresh_tokens(okta, call):
        if token.id == call.given["token"]:
            token.revoked = True
            return answer(None, 204)
    raise not_found(call.given["token"], "OAuth2RefreshToken")


def list_api_tokens(okta: OktaSimulator, call: Call) -> Response:
    return answer([documents.api_token(okta.url, one) for one in okta.state.api_tokens.values()])


def get_api_token(okta: OktaSimulator, call: Call) -> Response:
    token = okta.state.api_tokens.get(call.given["token"])
    if token is None:
        raise not_found(call.given["token"], "ApiToken")
    return answer(documents.api_token(okta.url, token))


def revoke_api_token(okta: OktaSimulator, call: Call) -> Response:
    if okta.state.api_tokens.pop(call.given["token"], None) is None:
        raise not_found(call.given["token"], "ApiToken")
    return answer(None, 204)


def revoke_own_api_token(okta: OktaSimulator, call: Call) -> Response:
    okta.state.api_tokens.pop(call.caller.api_token, None)
    return answer(None, 204)


def session_of(okta: OktaSimulator, call: Call) -> OktaSession:
    session = okta.state.sessions.get(call.given["session"])
    if session is None or session.expires <= okta.now():
        raise not_found(call.given["session"], "Session")
    return session


def get_session(okta: OktaSimulator, call: Call) -> Response:
    return answer(documents.session(okta.url, okta.state, session_of(okta, call)))


def close_session(okta: OktaSimulator, call: Call) -> Response:
    del okta.state.sessions[session_of(okta, call).id]
    return answer(None, 204)
