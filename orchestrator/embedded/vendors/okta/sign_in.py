"""The side of Okta that users and clients see: it proves from outside that access is gone.

Sign-in with a password (https://developer.okta.com/docs/reference/api/authn/), the current session, and the org
authorization server: tokens for a service app by private_key_jwt, tokens by a refresh token, introspection.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.responses import Response

from orchestrator.embedded.vendors.okta import documents
from orchestrator.embedded.vendors.okta.errors import error, not_found, oauth_error
from orchestrator.embedded.vendors.okta.organisation import ACCESS_TOKEN_LIFETIME, OktaClient, OktaSession
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def sign_in(okta: OktaSimulator, call: Call) -> Response:
    """A session token, once, for an active user with this password; one refusal for every reason."""
    org = okta.state
    user = org.find_user(str((call.body or {}).get("username", "")))
    if user is None or user.status != "ACTIVE" or user.password != (call.body or {}).get("password"):
        raise VendorRefusal(error(401, "E0000004", "Authentication failed"))
    token = org.new_id("20111")
    org.session_tokens[token] = user.id
    return answer(
        {
            "status": "SUCCESS",
            "sessionToken": token,
            "expiresAt": documents.time(okta.now() + timedelta(minutes=5)),
            "_embedded": {"user": {"id": user.id, "profile": {"login": user.login}}},
        }
    )


def create_session(okta: OktaSimulator, call: Call) -> Response:
    user_id = okta.state.session_tokens.pop(str((call.body or {}).get("sessionToken", "")), "")
    if user_id not in okta.state.users or okta.state.users[user_id].status != "ACTIVE":
        raise VendorRefusal(error(401, "E0000004", "Authentication failed"))
    session = okta.state.new_session(okta.state.users[user_id])
    return answer(documents.session(okta.url, okta.state, session))


def _current(okta: OktaSimulator, call: Call) -> OktaSession:
    cookies = dict(part.strip().partition("=")[::2] for part in call.headers.get("cookie", "").split(";"))
    session = okta.state.sessions.get(cookies.get("sid", ""))
    if session is None or session.expires <= okta.now():
        raise not_found("me", "Session")
    return session


def current_session(okta: OktaSimulator, call: Call) -> Response:
    """Of the cookie `sid`."""
    return answer(documents.session(okta.url, okta.state, _current(okta, call)))


def close_current_session(okta: OktaSimulator, call: Call) -> Response:
    del okta.state.sessions[_current(okta, call).id]
    return answer(None, 204)


def issue_token(okta: OktaSimulator, call: Call) -> Response:
    form = call.body or {}
    match form.get("grant_type"):
        case "client_credentials":
            client = _service_app(okta, form)
            scopes = form.get("scope", "").split()
            if not scopes:
                raise oauth_error(400, "invalid_scope", "No default scopes are configured, 'scope' must be provided.")
            if not set(scopes) <= set(client.scopes):
                raise oauth_error(
                    400, "invalid_scope", "The client is not allowed to request one or more of the scopes."
                )
            token = okta.state.new_token("access_token", client, scopes)
        case "refresh_token":
            old = okta.state.tokens.get(form.get("refresh_token", ""))
            if old is None or old.kind != "refresh_token" or not okta.state.live(old):
                raise oauth_error(400, "invalid_grant", "The refresh token is invalid or expired.")
            if form.get("client_id") != old.client:
                raise oauth_error(401, "invalid_client", "Invalid value for 'client_id' parameter.")
            client = okta.state.clients[old.client]
            token = okta.state.new_token("access_token", client, old.scopes, okta.state.users[old.user])
        case _:
            raise oauth_error(
                400, "unsupported_grant_type", "The grant type is not supported by the authorization server."
            )
    lifetime = int(ACCESS_TOKEN_LIFETIME.total_seconds())
    return answer(
        {"token_type": "Bearer", "expires_in": lifetime, "access_token": token.value, "scope": " ".join(token.scopes)}
    )


def _service_app(okta: OktaSimulator, form: dict[str, str]) -> OktaClient:
    """The client whose key signed the assertion."""
    if form.get("client_assertion_type") != JWT_BEARER or "client_assertion" not in form:
        raise oauth_error(
            401, "invalid_client", "A client_assertion must be provided for the client credentials grant."
        )
    assertion = form["client_assertion"]
    try:
        claimed = json.loads(base64.urlsafe_b64decode(assertion.split(".")[1] + "=="))
        client = okta.state.clients[claimed["sub"]]
        assert client.key is not None
        claims = jwt.decode(assertion, RSAKey.import_key(client.key), algorithms=["RS256"]).claims
    except (JoseError, LookupError, ValueError, AssertionError):
        raise oauth_error(401, "invalid_client", "The client_assertion signature is invalid.") from None
    now = okta.now().timestamp()
    if claims.get("iss") != client.id or claims.get("aud") != f"{okta.url}/oauth2/v1/token":
        raise oauth_error(401, "invalid_client", "The audience or issuer of the client_assertion is invalid.")
    if not now < claims.get("exp", 0):
        raise oauth_error(401, "invalid_client", "The client_assertion token is expired.")
    if claims["exp"] > now + 3600:
        raise oauth_error(
            401, "invalid_client", "The client_assertion token has an expiration too far into the future."
        )
    if claims.get("jti") in client.issued:
        raise oauth_error(401, "invalid_client", "The client_assertion token has a jti that was used before.")
    if "jti" in claims:
        client.issued.add(claims["jti"])
    return client


def introspect(okta: OktaSimulator, call: Call) -> Response:
    form = call.body or {}
    client = call.first("client_id") or form.get("client_id", "")
    if client not in okta.state.clients:
        raise oauth_error(401, "invalid_client", "Client authentication failed.")
    token = okta.state.tokens.get(form.get("token", ""))
    if token is None or not okta.state.live(token):
        return answer({"active": False})
    return answer(
        {
            "active": True,
            "scope": " ".join(token.scopes),
            "client_id": token.client,
            "token_type": "Bearer",
            "iat": int(token.created.timestamp()),
            "exp": int(token.expires.timestamp()),
            "iss": okta.url,
            **({"uid": token.user, "username": okta.state.users[token.user].login} if token.user else {}),
        }
    )


def revoke(okta: OktaSimulator, call: Call) -> Response:
    """200 whether the token exists or not (RFC 7009)."""
    token = okta.state.tokens.get((call.body or {}).get("token", ""))
    if token is not None:
        token.revoked = True
    return answer(None, 200)
