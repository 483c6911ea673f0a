"""Steps that flows share: parsing a part of an answer, and asking for one resource or for all of a list."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from connectors.abilities import Effect
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.pages import MAX_EMPTY_PAGES, MAX_PAGES, Pages, not_understood
from connectors.http.requests import Answer, Flow, Request
from connectors.parameters import account_gone, account_of

ShapeT = TypeVar("ShapeT", bound=BaseModel)

_MAX_NAMED_FIELDS = 5


class Fields(BaseModel):
    """The part of an answer that a connector relies on; everything else that a system sends is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def parse(value: Any, shape: type[ShapeT]) -> ShapeT:
    """An answer's body, or a part of it, as `shape`. Raises `ActionRequiredError("answer_not_understood")`, which
    names the fields that are wrong and never their values."""
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        problems = error.errors(include_input=False, include_context=False, include_url=False)[:_MAX_NAMED_FIELDS]
        places = ", ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'answer'}: {problem['type']}" for problem in problems
        )
        raise not_understood(
            f"Unexpected {shape.__name__.lstrip('_')}: {places}"
        ) from None  # what pydantic raises repeats the values


def unexpected(what: str) -> NoReturn:
    """Raise `ActionRequiredError("answer_not_understood")` with what was wrong."""
    raise not_understood(what)


def require_account(shown: str, effect: Effect) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` where a response shows another account than that of
    `effect`: a cache, a proxy or a merged account can send one, and its state proves nothing."""
    if shown != account_of(effect).native_id:
        unexpected("The response shows another account than the one that was requested.")


def ask(request: Request, shape: type[ShapeT]) -> Flow[ShapeT]:
    """The answer to the request, as `shape`."""
    answer = yield request
    return parse(answer.body, shape)


def ask_if_present(request: Request, shape: type[ShapeT]) -> Flow[ShapeT | None]:
    """The answer as `shape`; None where a request with `missing_ok` was answered with a 404."""
    answer = yield request
    return None if answer.missing else parse(answer.body, shape)


def found_for_another(accounts: Iterable[str], query: Callable[[str], Flow[Collection[Any] | int]]) -> Flow[bool]:
    """Whether the query finds something for one of these accounts (native ids). An empty list about one account proves
    something only then: a filter that does not work, or a permission that covers less, is answered with one too. An
    account about which the query is refused is passed over."""
    for account in accounts:
        try:
            if (yield from query(account)):
                return True
        except (RefusedError, ActionRequiredError):
            continue
    return False


def change(request: Request, effect: Effect) -> Flow[Answer]:
    """Send a change to the account of `effect`. Raises `RefusedError("account_gone")` where a request with
    `missing_ok` was answered with a 404."""
    answer = yield request
    if answer.missing:
        raise account_gone(effect)
    return answer


def all_pages(first: Request, pages: Pages, *, at_most: int | None = None) -> Flow[list[Any]]:
    """Every item of a list, or the first `at_most`. Raises `ActionRequiredError("answer_not_understood")` where the
    list cannot be read to its end: a part of a list is never returned as if it were all of it."""
    found: list[Any] = []
    request: Request | None = pages.first(first)
    asked: set[tuple[str, tuple[tuple[str, str], ...], str, str]] = set()
    empty = 0
    while request is not None:
        place = (request.url, tuple(sorted(request.params.items())), repr(request.json), repr(request.form))
        if place in asked:
            unexpected("The pages of a list repeat.")
        if len(asked) == MAX_PAGES:
            unexpected(f"A list has more than {MAX_PAGES} pages.")
        asked.add(place)
        answer = yield request
        items = pages.items(answer)
        found += items
        if at_most is not None and len(found) >= at_most:
            return found[:at_most]
        if len(found) > pages.max_items:
            unexpected(f"A list has more than {pages.max_items} items.")
        empty = 0 if items else empty + 1
        if empty > MAX_EMPTY_PAGES:
            unexpected(f"A list has more than {MAX_EMPTY_PAGES} empty pages in a row.")
        request = pages.next(request, answer, len(items))
    return found
