"""Slack's answers: errors inside a 200, errors of the SCIM API, and lists with cursors.

The Web API answers an error with the status 200, `"ok": false` and a code in `error`
(docs.slack.dev/apis/web-api). The SCIM API answers one with its status, and a code in `detail`
(docs.slack.dev/reference/scim-api). Which status it has is not documented for each code, so the code decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.pages import Cursor, Offset
from connectors.http.requests import Answer, Flow

LIMIT = "200"
"""The size of a page that Slack recommends (docs.slack.dev/apis/web-api/pagination)."""
_MAX_ITEMS = 500_000  # users of an organisation
_NOT_ACCEPTED = (
    "not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type",
    "missing_scope", "no_permission", "access_denied", "accesslimited", "ekm_access_denied", "team_access_not_granted",
    "enterprise_is_restricted", "not_an_admin", "invalid_permissions", "invalid_actor", "user_must_be_admin",
    "permission_denied", "restricted_action", "feature_not_enabled", "two_factor_setup_required",
)  # fmt: skip
_FAILED = ("internal_error", "fatal_error", "service_unavailable", "user_session_reset_failed")
"""Slack may have done a part of what was asked."""
_LATER = ("request_timeout", "team_added_to_org", "org_login_required")
_LIMITED = ("ratelimited", "rate_limited", "too_many_requests")
_MISSING = ("user_not_found", "users_not_found", "no_such_subteam", "channel_not_found")
_ALREADY = ("user_already_deleted", "no_active_sessions")
"""The state that was wanted, said as an error."""
_SCIM_NOT_ACCEPTED = ("permission_denied", "invalid_authentication", "missing_authentication", "plus_teams_only",
                      "non_org_teams_only")  # fmt: skip
_SCIM_MISSING = ("no_such_user", "no_such_group")
_SCIM_STATUSES = (400, 403, 404)


def code_of(body: Any) -> str:
    """Slack's code of an error; empty where there is none."""
    if not isinstance(body, dict):
        return ""
    if "ok" in body:
        return "" if body["ok"] is True else str(body.get("error") or "")
    return str(body.get("detail") or "")


def _by_code() -> Mapping[tuple[int, str], Verdict]:
    found: dict[tuple[int, str], Verdict] = {}
    for verdict, codes in (
        (Verdict.CREDENTIAL, _NOT_ACCEPTED),
        (Verdict.FAILED, _FAILED),
        (Verdict.RETRY, _LATER),
        (Verdict.RATE_LIMITED, _LIMITED),
        (Verdict.MISSING, _MISSING),
        (Verdict.DONE, _ALREADY),
    ):
        found |= {(200, code): verdict for code in codes}
    for status in _SCIM_STATUSES:
        found |= {(status, code): Verdict.MISSING for code in _SCIM_MISSING}
        found |= {(status, code): Verdict.CREDENTIAL for code in _SCIM_NOT_ACCEPTED}
    return found


DIALECT = Dialect(
    code=code_of,
    failed_success=lambda body: isinstance(body, dict) and body.get("ok") is False,
    verdicts=_by_code(),
)


def is_gone(answer: Answer) -> bool:
    """Whether Slack itself says that there is no such user or group, and not a server in front of it."""
    return answer.missing and code_of(answer.body) in (*_MISSING, *_SCIM_MISSING)


def require_own(answer: Answer) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for a 404 that is not Slack's own."""
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without Slack's error code.")


def said_ok(answer: Answer) -> bool:
    """False where Slack says instead that the state is already the wanted one. Raises
    `ActionRequiredError("answer_not_understood")` for an answer that is not one of the Web API."""
    if not isinstance(answer.body, dict) or not isinstance(answer.body.get("ok"), bool):
        unexpected("The answer has no ok, so it is not one of Slack's Web API.")
    return answer.body["ok"] is True


_Shape = TypeVar("_Shape", bound=Fields)
_KnownT = TypeVar("_KnownT")


def shown_in(answer: Answer, name: str, shape: type[_Shape]) -> _Shape:
    """The part `name` of an answer of the Web API."""
    said_ok(answer)
    return parse(answer.body.get(name), shape)


def known(value: _KnownT) -> Flow[_KnownT]:
    """A flow that sends nothing and returns the value."""
    return value
    yield  # pragma: no cover - makes this a generator


def with_cursor(items_at: str) -> Cursor:
    """Lists of the Web API (docs.slack.dev/apis/web-api/pagination)."""
    return Cursor(("response_metadata", "next_cursor"), "cursor", (items_at,), max_items=_MAX_ITEMS)


SCIM_PAGES = Offset(
    items_at=("Resources",),
    total_at=("totalResults",),
    start_parameter="startIndex",
    size_parameter="count",
    size=int(LIMIT),
    first_position=1,
    max_items=_MAX_ITEMS,
)
"""Lists of the SCIM API; without `count` a page has ten entries."""
