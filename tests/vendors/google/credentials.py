"""Tokens, and who may do what: a service account acts for an administrator (domain-wide delegation,
https://developers.google.com/identity/protocols/oauth2/service-account). The scopes of its token and the
administrator's roles both limit it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.google.errors import denied, error, token_error
from tests.vendors.google.workspace import ACCESS_TOKEN_LIFETIME, GoogleToken, GoogleUser

if TYPE_CHECKING:
    from tests.vendors.google.simulator import GoogleSimulator

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""What Google's own libraries always write as the audience."""
ROLES = {
    "_USER_MANAGEMENT_ADMIN_ROLE": ("/users", "/tokens", "/asps", "/verificationCodes", "/aliases"),
    "_GROUPS_ADMIN_ROLE": ("/groups",),
}
"""What a delegated administrator may do, by a part of the path."""


@dataclass
class GoogleCaller:
    user: GoogleUser
    token: GoogleToken


def issue_token(google: GoogleSimulator, call: Call) -> Response:
    form = call.body or {}
    if form.get("grant_type") == JWT_BEARER:
        token = _for_service_account(google, form.get("assertion", ""))
    elif form.get("grant_type") == "refresh_token":
        old = google.state.tokens.get(form.get("refresh_token", ""))
        if old is None or old.client != form.get("client_id") or not google.state.accepted(old):
            raise token_error(400, "invalid_grant", "Token has been expired or revoked.")
        client, user = google.state.clients[old.client], google.state.users[old.user]
        token = google.state.new_token("access_token", client, user, old.scopes)
    else:
        raise token_error(400, "unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
    seconds = int(ACCESS_TOKEN_LIFETIME.total_seconds()) - 1
    return answer({"access_token": token.value, "expires_in": seconds, "token_type": "Bearer"})


def _for_service_account(google: GoogleSimulator, assertion: str) -> GoogleToken:
    workspace = google.state
    try:
        claimed = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
        client = next(one for one in workspace.clients.values() if one.key and one.email == claimed["iss"])
        claims = jwt.decode(assertion, RSAKey.import_key(client.key or {}), algorithms=["RS256"]).claims
    except (JoseError, LookupError, ValueError, StopIteration):
        raise token_error(400, "invalid_grant", "Invalid JWT Signature.") from None
    now = google.now().timestamp()
    if not now < claims.get("exp", 0) <= now + 3660 or claims.get("aud") not in (google.token_url, AUDIENCE):
        raise token_error(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes).")
    user = workspace.find_user(str(claims.get("sub", "")))
    if user is None or user.suspended:
        raise token_error(400, "invalid_grant", "Invalid email or User ID")
    scopes = str(claims.get("scope", "")).split()
    if not scopes or not set(scopes) <= client.delegated:
        raise token_error(401, "unauthorized_client", "Client is not authorized for any of the scopes requested.")
    return workspace.new_token("access_token", client, user, scopes)


def token_info(google: GoogleSimulator, call: Call) -> Response:
    """Proof from outside: whether an access token lives."""
    token = google.state.tokens.get(call.first("access_token"))
    if token is None or token.kind != "access_token" or not google.state.accepted(token):
        raise token_error(400, "invalid_token", "Invalid Value")
    seconds = int((token.expires - google.now()).total_seconds())
    return answer(
        {
            "issued_to": token.client,
            "audience": token.client,
            "user_id": token.user,
            "scope": " ".join(token.scopes),
            "expires_in": seconds,
            "email": google.state.users[token.user].email,
            "verified_email": True,
        }
    )


def caller(google: GoogleSimulator, call: Call) -> GoogleCaller:
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    token = google.state.tokens.get(value)
    if scheme != "Bearer" or token is None or token.kind != "access_token" or not google.state.accepted(token):
        raise VendorRefusal(google.expired())
    return GoogleCaller(google.state.users[token.user], token)


def permit(google: GoogleSimulator, call: Call) -> None:
    who: GoogleCaller = call.caller
    accepted = google.description.scopes(call.operation)
    if not set(accepted) & set(who.token.scopes):
        raise VendorRefusal(error(403, "insufficientPermissions", "Request had insufficient authentication scopes."))
    if who.user.is_admin:
        return
    workspace = google.state
    mine = {workspace.roles[one.role] for one in workspace.assignments_of(who.user, indirect=True)}
    if not any(part in call.path for role in mine for part in ROLES.get(role, ())):
        raise denied()


def protect_administrators(call: Call, target: GoogleUser) -> None:
    """Only a super administrator changes a super administrator."""
    if target.is_admin and not call.caller.user.is_admin:
        raise denied()
