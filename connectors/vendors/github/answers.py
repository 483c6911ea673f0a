"""GitHub's answers: their shapes, what its errors mean, and whether a 404 is GitHub's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field

from connectors.account_set import comparable
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import LinkHeader
from connectors.http.requests import Answer, Flow, Request

PER_PAGE = "100"
"""The largest page that GitHub sends."""
_SECONDARY_LIMIT = "secondary_rate_limit"
_LIMIT_WORDS = ("secondary rate limit", "abuse detection")  # the second one in older versions of Enterprise Server
_SCOPE_WORDS = "not been granted the required scopes"  # of GraphQL, in some answers without a type
_SECONDARY_LIMIT_SECONDS = 60.0  # "wait for at least one minute", where GitHub names no time
_OF_PROFILES = frozenset({"user", "read:user", "user:email", "user:follow"})  # named for public profiles, not needed
_INCLUDED_SCOPES: Mapping[str, tuple[str, ...]] = {
    "admin:org": ("write:org", "read:org", "manage_runners:org"),
    "write:org": ("read:org",),
    "repo": ("public_repo", "repo:status", "repo:invite", "repo_deployment", "security_events"),
    "user": ("read:user", "user:email", "user:follow"),
}  # docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps


class GitHubLogin(Fields):
    """A user, as every operation shows it. `id` never changes; `login` may."""

    id: int
    login: str = Field(min_length=1)
    type: str = "User"

    @property
    def native_id(self) -> str:
        return str(self.id)

    def shown(self) -> dict[str, str]:
        return {"id": self.native_id, "name": self.login}

    def is_called(self, login: str) -> bool:
        return comparable(self.login) == comparable(login)


class OrgMembership(Fields):
    """`enterprise_teams`: the membership comes from these teams of the enterprise as well, and stays with them."""

    state: str
    role: str
    user: GitHubLogin | None = None
    enterprise_teams: list[str] = Field(default=[], alias="enterprise_teams_providing_indirect_membership")

    @property
    def is_owner(self) -> bool:
        return self.state == "active" and self.role == "admin"

    def evidence(self) -> dict[str, Any]:
        teams = {"enterprise_teams": self.enterprise_teams} if self.enterprise_teams else {}
        return {"membership": self.state, "role": self.role, **teams}


_Shape = TypeVar("_Shape", bound=Fields)


def list_of(request: Request, shape: type[_Shape], *items_at: str) -> Flow[list[_Shape]]:
    """A list, read to its end by the Link header. `items_at` leads to it in the body where the body is not the list."""
    pages = LinkHeader(items_at)
    items = yield from all_pages(request.with_params(per_page=PER_PAGE), pages)
    return [parse(item, shape) for item in items]


def is_gone(answer: Answer) -> bool:
    """Whether a 404 is GitHub's own, and not that of a server in front of it."""
    body = answer.body
    return answer.missing and isinstance(body, dict) and "documentation_url" in body and "message" in body


def require_own(answer: Answer) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for a 404 that is not GitHub's own."""
    if answer.missing and not is_gone(answer):
        unexpected("The answer was a 404 without GitHub's error message.")


def _code(body: Any) -> str:
    """`secondary_rate_limit`, or the type of the first GraphQL error; empty for other errors, which have no code."""
    if not isinstance(body, dict):
        return ""
    errors = [error for error in body.get("errors") or () if isinstance(error, dict)]
    said = " ".join(str(one.get("message", "")) for one in (body, *errors)).lower()
    if any(words in said for words in _LIMIT_WORDS):
        return _SECONDARY_LIMIT
    if _SCOPE_WORDS in said:
        return "INSUFFICIENT_SCOPES"
    return str(errors[0].get("type") or "") if errors else ""


def lacks_scope(headers: Mapping[str, str]) -> bool:
    """Whether the answer says that a classic token has none of the scopes that the operation accepts. GitHub answers
    a 404 then, as for what is not there (docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api)."""
    held, accepted = (_scopes(headers.get(name)) for name in ("x-oauth-scopes", "x-accepted-oauth-scopes"))
    if held is None or accepted is None:
        return False
    needed = accepted - _OF_PROFILES
    return bool(needed) and not needed & with_included(held)


def with_included(scopes: set[str]) -> set[str]:
    """The scopes, and those that they include."""
    return scopes.union(*(_INCLUDED_SCOPES.get(scope, ()) for scope in scopes))


def _scopes(header: str | None) -> set[str] | None:
    return None if header is None else {scope.strip() for scope in header.split(",") if scope.strip()}


def held_scopes(answer: Answer) -> set[str] | None:
    """The scopes of a classic token; None for other credentials."""
    return _scopes(answer.headers.get("x-oauth-scopes"))


DIALECT = Dialect(
    code=_code,
    verdicts={
        (200, _SECONDARY_LIMIT): Verdict.RATE_LIMITED,
        (403, _SECONDARY_LIMIT): Verdict.RATE_LIMITED,
        (429, _SECONDARY_LIMIT): Verdict.RATE_LIMITED,
        (200, "RATE_LIMITED"): Verdict.RATE_LIMITED,
        (200, "RATE_LIMIT"): Verdict.RATE_LIMITED,
        (200, "FORBIDDEN"): Verdict.CREDENTIAL,
        (200, "INSUFFICIENT_SCOPES"): Verdict.CREDENTIAL,
        (200, "NOT_FOUND"): Verdict.MISSING,
    },
    lacks_right=lacks_scope,
    limit_seconds=_SECONDARY_LIMIT_SECONDS,
)
