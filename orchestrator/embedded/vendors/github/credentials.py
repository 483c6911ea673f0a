"""Who calls GitHub, and what the credential may do.

A classic token has scopes, and the rights of its user on top; a fine-grained token and an installation token have
permissions (https://docs.github.com/rest/authentication/permissions-required-for-github-apps)."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from orchestrator.embedded.vendors.github.errors import error, forbidden, not_found
from orchestrator.embedded.vendors.github.organization import GitHubToken, InstalledApp
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.github.simulator import GitHubSimulator

INCLUDED = {
    "admin:org": {"read:org", "write:org"}, "write:org": {"read:org"}, "manage_billing:copilot": set[str](),
}  # fmt: skip
"""Scopes that another scope brings."""


@dataclass(frozen=True)
class Need:
    """What an operation needs: one of the classic scopes (None: a classic token never suffices), a permission of an
    app, and whether a user must be an owner."""

    scopes: tuple[str, ...] | None
    permission: str
    level: str = "read"
    owner: bool = False


def app_of(github: GitHubSimulator, call: Call) -> InstalledApp:
    """The app whose key signed the JWT in the header Authorization."""
    value = call.headers.get("authorization", "").partition(" ")[2]
    try:
        claimed = json.loads(base64.urlsafe_b64decode(value.split(".")[1] + "=="))
        app = github.state.apps[int(claimed["iss"])]
        claims = jwt.decode(value, RSAKey.import_key(app.key), algorithms=["RS256"]).claims
    except (JoseError, LookupError, ValueError):
        raise VendorRefusal(error(401, "A JSON web token could not be decoded")) from None
    now = github.now().timestamp()
    if claims.get("iat", 0) > now:
        raise VendorRefusal(
            error(
                401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
            )
        )
    if claims.get("exp", 0) > now + 660:
        raise VendorRefusal(error(401, "'Expiration time' claim ('exp') is too far in the future"))
    if not now < claims.get("exp", 0):
        raise VendorRefusal(
            error(
                401,
                "'Expiration time' claim ('exp') must be a numeric value representing the "
                "future time at which the assertion expires",
            )
        )
    return app


def token_of(github: GitHubSimulator, call: Call) -> GitHubToken:
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if not value:
        raise VendorRefusal(error(401, "Requires authentication"))
    token = github.state.tokens.get(value)
    if scheme.lower() not in ("bearer", "token") or token is None or (token.expires and token.expires <= github.now()):
        raise VendorRefusal(github.expired())
    return token


def held_scopes(token: GitHubToken) -> set[str]:
    """The scopes of a classic token, with those that they bring."""
    return set(token.scopes) | {one for scope in token.scopes for one in INCLUDED.get(scope, set())}


def permit(github: GitHubSimulator, call: Call, need: Need) -> None:
    org, token = github.state, call.caller
    if token.kind == "classic":
        held = held_scopes(token)
        if need.scopes is None:
            raise forbidden("Resource not accessible by personal access token")
        _single_sign_on(github, token)
        if not set(need.scopes) & held or (need.owner and org.members.get(token.login) != "admin"):
            raise (
                forbidden(f"You must be an admin with the {' or '.join(need.scopes)} scope.")
                if need.owner
                else not_found()
            )
        return
    by = "integration" if token.kind == "installation" else "personal access token"
    held_level = token.permissions.get(need.permission, "")
    if held_level != "write" and held_level != need.level:
        raise forbidden(f"Resource not accessible by {by}")
    if token.kind == "fine-grained" and need.owner and org.members.get(token.login) != "admin":
        raise forbidden(f"Resource not accessible by {by}")


def _single_sign_on(github: GitHubSimulator, token: GitHubToken) -> None:
    if github.state.saml and not token.authorized:
        url = f"https://github.com/orgs/{github.state.login}/sso"
        raise forbidden(
            "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to "
            "this organization.",
            {"X-GitHub-SSO": f"required; url={url}"},
        )


def sees(github: GitHubSimulator, token: GitHubToken, name: str) -> bool:
    """Whether the token's user may read the repository: proof from outside."""
    org = github.state
    repository = org.repositories.get(name)
    if repository is None:
        return False
    if token.kind == "installation":
        return bool({"contents", "metadata", "administration"} & token.permissions.keys())
    if token.kind == "classic":
        _single_sign_on(github, token)
        if "repo" not in token.scopes:
            return False
    elif not token.granted or token.login not in org.members:
        return False
    return org.permission(token.login, repository) != "none"
