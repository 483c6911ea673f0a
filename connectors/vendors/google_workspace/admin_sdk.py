"""What all requests to Google share: settings, scopes, lists, and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr

from connectors.http.connector import HttpSettings
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import Cursor
from connectors.http.requests import Answer, Flow, Request

_SCOPE = "https://www.googleapis.com/auth/"
USERS = f"{_SCOPE}admin.directory.user"
USERS_READ = f"{_SCOPE}admin.directory.user.readonly"
USER_SECURITY = f"{_SCOPE}admin.directory.user.security"
ALIASES = f"{_SCOPE}admin.directory.user.alias"
GROUPS_READ = f"{_SCOPE}admin.directory.group.readonly"
GROUP_MEMBERS = f"{_SCOPE}admin.directory.group.member"
ROLES = f"{_SCOPE}admin.directory.rolemanagement"
ROLES_READ = f"{_SCOPE}admin.directory.rolemanagement.readonly"
TRANSFERS = f"{_SCOPE}admin.datatransfer"
LICENSES = f"{_SCOPE}apps.licensing"
DIRECTORY = "/admin/directory/v1"
SETTLE_TIME = timedelta(minutes=2)
_LIMITS = ("rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded")
_MAX_ITEMS = 500_000  # a company has as many licences as users


class GoogleWorkspaceSettings(HttpSettings):
    """How to reach one company: as a service account that acts for one of its administrators."""

    url: str = Field(default="https://admin.googleapis.com", description="address of the Admin SDK")
    licensing_url: str = Field(
        default="https://licensing.googleapis.com", description="address of the Enterprise License Manager API"
    )
    token_url: str = Field(
        default="https://oauth2.googleapis.com/token", description="address at which Google issues tokens"
    )
    admin_email: str = Field(
        min_length=1, description="primary address of the administrator for whom the service account acts"
    )
    private_key: SecretStr = Field(
        description="key of the service account: the content of its JSON file, or the private key as PEM"
    )
    service_account_email: str = Field(
        default="", description="address of the service account, if private_key is a PEM document"
    )
    customer: str = Field(default="my_customer", min_length=1, description="ID of the company, such as C01abc234")
    license_products: str = Field(
        default="Google-Apps", description="IDs of the products whose licences are removed, separated by spaces"
    )

    def licensing(self, request: Request) -> Request:
        """The request at the address of the licensing API."""
        path = "/".join(quote(segment, safe="") for segment in request.path)
        return replace(request, path=(), url=f"{self.licensing_url.rstrip('/')}/{path}")


_Shape = TypeVar("_Shape", bound=Fields)


@dataclass(frozen=True, slots=True)
class GoogleList:
    """Google omits the items of an empty list. What has no `kind` is not a list of Google, and proves nothing."""

    cursor: Cursor

    @property
    def max_items(self) -> int:
        return self.cursor.max_items

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        body = answer.body
        if not isinstance(body, dict) or "#" not in str(body.get("kind") or ""):
            unexpected("The answer is not a list in Google's form: it has no kind.")
        return self.cursor.items(answer) if body.get(self.cursor.items_at[0]) is not None else []

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        return self.cursor.next(request, answer, count)


def pages(items_at: str) -> GoogleList:
    return GoogleList(Cursor(("nextPageToken",), "pageToken", (items_at,), max_items=_MAX_ITEMS))


def listed(request: Request, shape: type[_Shape], items_at: str = "items") -> Flow[list[_Shape]]:
    return [parse(item, shape) for item in (yield from all_pages(request, pages(items_at)))]


def quoted(value: str) -> str:
    """A text in a condition of `query` (developers.google.com/workspace/admin/directory/v1/guides/search-groups)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _reason(body: Any) -> str:
    """The reason of Google's error, such as `notFound`; its status where an API names no reason."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return ""
    inner = error.get("errors")
    first = inner[0] if isinstance(inner, list) and inner and isinstance(inner[0], Mapping) else {}
    return str(first.get("reason") or error.get("status") or error.get("code") or "")


def is_gone(answer: Answer) -> bool:
    """Whether a 404 is Google's own, and not that of a server in front of it."""
    return _reason(answer.body) in ("notFound", "NOT_FOUND")


DIALECT = Dialect(
    code=_reason,
    failed_success=lambda body: bool(_reason(body)),
    # developers.google.com/workspace/admin/directory/v1/limits
    verdicts={(403, reason): Verdict.RATE_LIMITED for reason in _LIMITS},
)
