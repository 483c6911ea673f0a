"""AWS's Query interface: requests by the name of an action, responses in XML, pages by marker, and errors.

Actions, fields and error codes are those of IAM, version 2010-05-08, and STS, version 2011-06-15
(docs.aws.amazon.com/IAM/latest/APIReference). All are sent by POST, as AWS's own libraries do, so that no address has a
name in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from connectors.abilities import Effect
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import MAX_ITEMS
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.parameters import account_gone
from connectors.vendors.aws.access_key import IAM, STS

_VERSIONS = {IAM: "2010-05-08", STS: "2011-06-15"}
_MISSING = "NoSuchEntity"
_NO_LISTS: Mapping[str, str] = {}
_IN_XML: Mapping[str, str] = {"Accept": "text/xml"}
ShapeT = TypeVar("ShapeT", bound=Fields)
_Item = TypeVar("_Item")
Items = Annotated[list[_Item], BeforeValidator(lambda given: [] if given == "" else given)]
"""A list in a response: an empty one is an empty element."""


def error_code(body: Any) -> str:
    """The code in an error of AWS's own form, empty where there is none."""
    error = body.get("ErrorResponse") if isinstance(body, dict) else None
    said = error.get("Error") if isinstance(error, dict) else None
    code = said.get("Code") if isinstance(said, dict) else None
    return code if isinstance(code, str) else ""


DIALECT = Dialect(
    code=error_code,
    verdicts={
        (400, "Throttling"): Verdict.RATE_LIMITED,
        (400, "ThrottlingException"): Verdict.RATE_LIMITED,
        (400, "RequestLimitExceeded"): Verdict.RATE_LIMITED,
        (409, "ConcurrentModification"): Verdict.CHANGED_MEANWHILE,
        (409, "EntityTemporarilyUnmodifiable"): Verdict.RETRY,
        (400, "ExpiredToken"): Verdict.CREDENTIAL,
        (400, "ExpiredTokenException"): Verdict.CREDENTIAL,
        (400, "RequestExpired"): Verdict.CREDENTIAL,
        (400, "IncompleteSignature"): Verdict.CREDENTIAL,
        (400, "MissingAuthenticationToken"): Verdict.CREDENTIAL,
        (400, "AccessDenied"): Verdict.CREDENTIAL,
        (400, "NotAuthorized"): Verdict.CREDENTIAL,
        (404, "MalformedQueryString"): Verdict.REFUSED,
        (404, "NotSupportedService"): Verdict.REFUSED,
    },
)
"""For most of what a credential lacks, AWS has a 403
(docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html)."""


def reading(action: str, lists: Mapping[str, str] = _NO_LISTS, *, missing_ok: bool = False, **fields: str) -> Request:
    """A request that reads from IAM. `lists` are fields as `numbered` makes them."""
    return Request(
        "POST",
        headers=_IN_XML,
        form={"Action": action, "Version": _VERSIONS[IAM], **fields, **lists},
        missing_ok=missing_ok,
        read_only=True,
        scope=IAM,
        operation=Operation("POST", "/", action, IAM),
    )


def asking_sts(url: str, action: str) -> Request:
    """A request that reads from STS."""
    return Request(
        "POST",
        url=url,
        headers=_IN_XML,
        form={"Action": action, "Version": _VERSIONS[STS]},
        read_only=True,
        scope=STS,
        operation=Operation("POST", "/", action, STS),
    )


def changing(action: str, **fields: str) -> Request:
    """A request that changes something in IAM. Its response can be that what it removes is not there."""
    return replace(reading(action, fields, missing_ok=True), read_only=False)


def numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    """The fields of a list in a request."""
    return {f"{name}.member.{number}": value for number, value in enumerate(values, 1)}


def require_own(answer: Answer) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for a 404 that is not AWS's own."""
    if answer.missing and error_code(answer.body) != _MISSING:
        unexpected("The answer was a 404 without the error code NoSuchEntity of AWS.")


def result_of(answer: Answer) -> Mapping[str, Any]:
    """The result in a response: ListUsersResult in ListUsersResponse. Raises
    `ActionRequiredError("answer_not_understood")`."""
    body = answer.body if isinstance(answer.body, dict) else {}
    name, response = next(iter(body.items()), ("", None))
    result = response.get(f"{name.removesuffix('Response')}Result") if isinstance(response, dict) else None
    if not name.endswith("Response") or not isinstance(result, dict):
        unexpected("The response has no result in the form of AWS.")
    return result


def ask(request: Request, shape: type[ShapeT]) -> Flow[ShapeT | None]:
    """The result of a request; None where AWS itself says, to a request with `missing_ok`, that it is not there."""
    answer = yield request
    require_own(answer)
    return None if answer.missing else parse(result_of(answer), shape)


def listed(request: Request, items_at: str, *, at_most: int | None = None) -> Flow[list[Any]]:
    """A list, read to its end, or its first `at_most` items."""
    return (yield from all_pages(request, MarkerPages(items_at), at_most=at_most))


def remove(request: Request) -> Flow[None]:
    """Send a removal. What is not there any more counts as removed."""
    require_own((yield request))


def apply(request: Request, effect: Effect) -> Flow[Answer]:
    """Send a change to the account of `effect`. Raises `RefusedError("account_gone")`."""
    answer = yield request
    require_own(answer)
    if answer.missing:
        raise account_gone(effect)
    return answer


@dataclass(frozen=True, slots=True)
class MarkerPages:
    """Pages of a list: `IsTruncated` says whether there is another one, which `Marker` names."""

    items_at: str
    max_items: int = MAX_ITEMS

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        items = result_of(answer).get(self.items_at)
        if items == "":
            return []
        if not isinstance(items, list):
            unexpected(f"A page has no list {self.items_at}.")
        return items

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        result = result_of(answer)
        if result.get("IsTruncated") != "true":
            return None
        marker = result.get("Marker")
        if not isinstance(marker, str) or not marker:
            unexpected("A page says that there is another one, and has no marker for it.")
        return replace(request, form={**(request.form or {}), "Marker": marker})
