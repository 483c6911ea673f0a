"""Slack's error answers: `ok: false` within a 200 by the Web API, https://docs.slack.dev/apis/web-api, and errors of
SCIM by the SCIM API, https://docs.slack.dev/reference/scim-api#errors."""

from __future__ import annotations

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import VendorRefusal, answer

ERROR_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"
COMMON_ERRORS = frozenset(
    {
        "missing_scope", "not_allowed_token_type", "token_expired", "token_revoked", "invalid_auth", "not_authed",
        "account_inactive", "missing_argument", "invalid_arguments", "internal_error", "fatal_error",
        "service_unavailable", "ratelimited", "no_permission", "org_login_required", "team_access_not_granted",
    }
)  # fmt: skip
"""Every method of today can answer with these, https://docs.slack.dev/reference/methods/admin.users.session.reset among
others; the description is of 2021 and names fewer."""


def ok(**fields: object) -> Response:
    return answer({"ok": True, **fields})


def failed(error: str, **fields: object) -> Response:
    """A failure with status 200."""
    return answer({"ok": False, "error": error, **fields})


def refusal(error: str, **fields: object) -> VendorRefusal:
    return VendorRefusal(failed(error, **fields))


def scim_error(status: int, code: str) -> Response:
    return answer({"schemas": [ERROR_SCHEMA], "detail": code, "status": status}, status)


def scim_refusal(status: int, code: str) -> VendorRefusal:
    return VendorRefusal(scim_error(status, code))
