"""The interfaces of the Identity Store and of IAM Identity Center: JSON by the name of an action, pages by token.

Actions, fields and errors are those of docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference and
docs.aws.amazon.com/singlesignon/latest/APIReference. What is asked of STS and of IAM's policy simulator is answered in
XML (`connectors.vendors.aws.query`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator

from connectors.http.answers import BodyForm, read_json
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import MAX_ITEMS
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.xml import read_xml
from connectors.vendors.aws import query
from connectors.vendors.aws.identity_center.settings import SSO, STORE, IdentityCenterSettings

MEDIA_TYPE = "application/x-amz-json-1.1"
PAGE_SIZE = 100
_TARGETS = {STORE: "AWSIdentityStore", SSO: "SWBExternalService"}
_MISSING = "ResourceNotFoundException"
Missing = Literal["USER", "GROUP", "GROUP_MEMBERSHIP"]
"""What the Identity Store says is not there: its directory itself, or the key that it is encrypted with, may be
missing too, which says nothing about a user."""
ShapeT = TypeVar("ShapeT", bound=Fields)
_Item = TypeVar("_Item")
ListOrNull = Annotated[list[_Item], BeforeValidator(lambda given: [] if given is None else given)]


def _read(body: bytes) -> Any:
    return read_xml(body) if body.lstrip().startswith(b"<") else read_json(body)


BODY_FORM = BodyForm("JSON, or XML of STS and IAM", _read)


def error_code(body: Any) -> str:
    """The code in an error, which may have the name of the service in front of it."""
    kind = body.get("__type") if isinstance(body, dict) else None
    return kind.rpartition("#")[2] if isinstance(kind, str) else query.error_code(body)


DIALECT = Dialect(
    code=error_code,
    verdicts={
        **query.DIALECT.verdicts,
        (400, "ThrottlingException"): Verdict.RATE_LIMITED,
        (400, "ConflictException"): Verdict.RETRY,  # another change is in progress
        (400, _MISSING): Verdict.MISSING,
        (400, "AccessDeniedException"): Verdict.CREDENTIAL,
        (400, "UnrecognizedClientException"): Verdict.CREDENTIAL,
        (400, "InvalidSignatureException"): Verdict.CREDENTIAL,
        (400, "IncompleteSignatureException"): Verdict.CREDENTIAL,
        (400, "MissingAuthenticationTokenException"): Verdict.CREDENTIAL,
    },
)


def to_store(settings: IdentityCenterSettings, action: str, **fields: Any) -> Request:
    """A request that reads from the directory."""
    return _request(STORE, "", action, {"IdentityStoreId": settings.identity_store_id, **fields})


def to_sso(settings: IdentityCenterSettings, action: str, **fields: Any) -> Request:
    """A request that reads from the instance, which some actions do not name."""
    return _request(SSO, settings.sso_url, action, fields)


def of_instance(settings: IdentityCenterSettings, action: str, **fields: Any) -> Request:
    return to_sso(settings, action, InstanceArn=settings.instance_arn, **fields)


def changing(request: Request) -> Request:
    return replace(request, read_only=False)


def _request(service: str, url: str, action: str, fields: dict[str, Any]) -> Request:
    return Request(
        "POST",
        url=url,
        headers={"X-Amz-Target": f"{_TARGETS[service]}.{action}"},
        json=fields,
        missing_ok=True,
        read_only=True,
        scope=service,
        operation=Operation("POST", "/", action, service),
    )


def require_own(answer: Answer, missing: Missing | None) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for a 404, and for AWS's own error about another resource
    than `missing`; None: any, as IAM Identity Center does not say which."""
    if not answer.missing:
        return
    body = answer.body if isinstance(answer.body, dict) else {}
    if error_code(body) != _MISSING or body.get("Reason"):
        unexpected("The answer does not say in the form of AWS that something is not there.")
    if missing is not None and body.get("ResourceType") != missing:
        unexpected("AWS does not find the identity store, or something else than what was requested.")


def ask(request: Request, shape: type[ShapeT], missing: Missing | None = None) -> Flow[ShapeT | None]:
    """The response; None where AWS itself says that it is not there."""
    answer = yield request
    require_own(answer, missing)
    return None if answer.missing else parse(answer.body, shape)


def remove(request: Request, missing: Missing | None = None) -> Flow[None]:
    """Send a removal. What is not there any more counts as removed."""
    require_own((yield changing(request)), missing)


def listed(request: Request, items_at: str, *, at_most: int | None = None, required: bool = True) -> Flow[list[Any]]:
    """A list, read to its end, or its first `at_most` items. `required`: AWS's description says that each response has
    the list."""
    size = PAGE_SIZE if at_most is None else min(at_most, PAGE_SIZE)
    first = replace(request, missing_ok=False, json={**request.json, "MaxResults": max(size, 1)})
    return (yield from all_pages(first, TokenPages(items_at, required), at_most=at_most))


@dataclass(frozen=True, slots=True)
class TokenPages:
    """Pages of a list: `NextToken` names the next one."""

    items_at: str
    required: bool = True
    max_items: int = MAX_ITEMS

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        body = answer.body
        items = body.get(self.items_at) if isinstance(body, dict) else None
        if items is None and isinstance(body, dict) and not self.required:
            return []
        if not isinstance(items, list):
            unexpected(f"A page has no list {self.items_at}.")
        return items

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        token = answer.body.get("NextToken")
        if not token:
            return None
        if not isinstance(token, str):
            unexpected("A page says that there is another one, and has no token for it.")
        return replace(request, json={**request.json, "NextToken": token})
