"""The token endpoint: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow. It proves
from outside that access is gone, by passwords (grant `password`) and refresh tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.entra.directory import EntraApplication, EntraTicket
from tests.vendors.entra.errors import token_error

if TYPE_CHECKING:
    from tests.vendors.entra.simulator import EntraSimulator

ALGORITHMS = ["PS256", "RS256"]
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 section 2.2


def issue_token(entra: EntraSimulator, call: Call) -> Response:
    tenant, form = entra.state, call.body or {}
    if call.given["tenant"] != tenant.id:
        raise token_error(400, "invalid_request", 90002, f"Tenant '{call.given['tenant']}' not found.")
    app = tenant.find_application(app_id=form.get("client_id", ""))
    if app is None:
        raise token_error(400, "unauthorized_client", 700016, "Application was not found in the directory.")
    match form.get("grant_type"):
        case "client_credentials":
            _authenticate(entra, app, form)
            if not form.get("scope", "").endswith("/.default"):
                raise token_error(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
            return _answer(entra, app, tenant.new_ticket("access_token", app))
        case "password":
            user = tenant.find_user(form.get("username", ""))
            if user is None:
                raise token_error(400, "invalid_grant", 50034, "The user account does not exist in the directory.")
            if user.password != form.get("password"):
                raise token_error(400, "invalid_grant", 50126, "Invalid username or password.")
            if not user.enabled:
                raise token_error(400, "invalid_grant", 50057, "The user account is disabled.")
            return _answer(
                entra, app, tenant.new_ticket("access_token", app, user), tenant.new_ticket("refresh_token", app, user)
            )
        case "refresh_token":
            ticket = tenant.tickets.get(form.get("refresh_token", ""))
            if ticket is None or ticket.kind != "refresh_token" or ticket.app != app.id:
                raise token_error(400, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
            user = tenant.users.get(ticket.user)
            if user is None or user.deleted:
                raise token_error(400, "invalid_grant", 50034, "The user account does not exist in the directory.")
            if not user.enabled:
                raise token_error(400, "invalid_grant", 50057, "The user account is disabled.")
            if not tenant.accepted(ticket):
                raise token_error(
                    400, "invalid_grant", 50173, "The provided grant has expired due to it being revoked."
                )
            return _answer(entra, app, tenant.new_ticket("access_token", app, user), ticket)
        case _:
            raise token_error(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")


def _authenticate(entra: EntraSimulator, app: EntraApplication, form: dict[str, str]) -> None:
    """By the secret, or by a JWT that the key of its certificate signed:
    https://learn.microsoft.com/entra/identity-platform/certificate-credentials."""
    if "client_assertion" in form:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise token_error(400, "invalid_request", 900144, "The request has no 'client_assertion_type'.")
        try:
            token = jwt.decode(form["client_assertion"], RSAKey.import_key(app.key or {}), algorithms=ALGORITHMS)
        except (JoseError, LookupError, ValueError):
            raise token_error(401, "invalid_client", 700027, "Client assertion failed signature validation.") from None
        claims = token.claims
        if token.header.get("x5t#S256") != (app.key or {}).get("x5t#S256"):
            raise token_error(401, "invalid_client", 700027, "The key was not found.")
        if claims.get("aud") != entra.token_url or not claims.get("iss") == claims.get("sub") == app.app_id:
            raise token_error(401, "invalid_client", 700023, "Client assertion audience claim does not match.")
        now = entra.now().timestamp()
        if not claims.get("nbf", now) <= now < claims.get("exp", 0):
            raise token_error(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")
        if not claims.get("jti") or claims["jti"] in app.assertions:
            raise token_error(401, "invalid_client", 50013, "Assertion is not valid: its ID was used before.")
        app.assertions.add(claims["jti"])
    elif form.get("client_secret") != app.secret:
        raise token_error(401, "invalid_client", 7000215, "Invalid client secret provided.")


def _answer(
    entra: EntraSimulator, app: EntraApplication, access: EntraTicket, refresh: EntraTicket | None = None
) -> Response:
    lifetime = int((access.expires - entra.now()).total_seconds())
    body = {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": access.value,
    }
    return answer({**body, "refresh_token": refresh.value} if refresh else body)
