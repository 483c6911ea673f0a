"""Whether the token is accepted, and what it may do."""

from __future__ import annotations

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.requests import Flow
from connectors.vendors.slack.credential import BY_SCIM, FINDING, RIGHTS, SlackAccess, SlackCredential, lacking
from connectors.vendors.slack.search import LIST_SCIM_USERS
from connectors.vendors.slack.users import LIST_ADMIN_USERS


def check(access: SlackAccess) -> Flow[CredentialCheck]:
    """Whether Slack accepts the token, of the right workspace or organisation, and which abilities it lacks a scope
    for. Says how accounts are deactivated."""
    credential = yield from access.credential(again=True)
    if missing := FINDING.lacking(credential):
        raise ActionRequiredError(
            "rights_missing",
            f"The token lacks {', '.join(missing)}, without which no account is found.",
            remedy=f"Give the Slack app {', '.join(missing)}, install it again, and replace the token.",
            happened="no",
        )
    refused = yield from _refused(access, credential)
    named = [f"{ability} ({', '.join(missing)})" for ability in RIGHTS if (missing := lacking(credential, ability))]
    if refused:
        named += [f"{ability} (the token of an administrator)" for ability in _by_administrators(credential)]
    said = [
        f"reachable, credential accepted: {'bot token' if credential.is_bot else 'user token'} of "
        f"{'the organisation' if credential.for_organisation else 'the workspace'} {credential.place}",
        "scopes: " + (", ".join(sorted(credential.scopes)) if credential.scopes else "not shown by Slack"),
        _deactivating(credential),
        *refused,
        *([f"not allowed: {'; '.join(named)}"] if named else []),
    ]
    return CredentialCheck("; ".join(said), tuple(named))


def _deactivating(credential: SlackCredential) -> str:
    if credential.by_scim:
        return "accounts are deactivated by the SCIM API"
    if not lacking(credential, "deactivate_account"):
        return "accounts are deactivated by admin.users.deactivate"
    return "accounts cannot be deactivated"


def _by_administrators(credential: SlackCredential) -> list[str]:
    """The abilities that the scopes allow, and for which the token uses Slack's methods for administrators."""
    return [
        ability
        for ability, ways in RIGHTS.items()
        if not lacking(credential, ability)
        and all(way.lacking(credential) or any(scope.startswith("admin.") for scope in way.scopes) for way in ways)
    ]


def _refused(access: SlackAccess, credential: SlackCredential) -> Flow[list[str]]:
    """Scopes are granted to apps also on plans without SCIM, and stay when the person who installed the app is not an
    administrator any more: the two interfaces are tried. Raises `ActionRequiredError` for SCIM, by which accounts are
    found."""
    if not BY_SCIM.lacking(credential):
        try:
            yield access.settings.scim(LIST_SCIM_USERS.request(params={"startIndex": "1", "count": "1"}))
        except (ActionRequiredError, RefusedError) as error:
            raise ActionRequiredError(
                error.code,
                error.detail,
                remedy="Slack's SCIM API needs a Business+ or Enterprise plan, and the token of a person who is still "
                "an owner or administrator. Without it, remove the scope admin from the app and install it again.",
                happened="no",
            ) from None
    if credential.for_organisation and credential.has("admin.users:read"):
        try:
            yield LIST_ADMIN_USERS.request(params={"limit": "1"})
        except (ActionRequiredError, RefusedError):
            return ["Slack refuses admin.users.list: the person who installed the app is no administrator"]
    return []
