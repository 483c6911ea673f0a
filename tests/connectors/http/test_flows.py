"""Pages, dialects and parsing, stepped through with recorded answers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError
from connectors.http.dialect import Dialect, Verdict, read_retry_after
from connectors.http.flows import all_pages
from connectors.http.pages import Cursor, LinkHeader, NextUrl, Offset, Pages, next_link
from connectors.http.requests import Answer, Operation, Request
from connectors.recordings import Exchange, replay
from connectors.reference.cards import CARDS, CardsSettings

LIST = Request("GET", ("things",), params={"kind": "a"})
BASE = "https://vendor.example"


def walk(
    pages: Pages, *answers: Answer, at_most: int | None = None
) -> tuple[list[Any], list[tuple[str, dict[str, str]]]]:
    """The items of all pages, and the address and parameters of each request."""
    asked = []
    flow = all_pages(LIST, pages, at_most=at_most)
    remaining = list(answers)
    try:
        request = next(flow)
        while True:
            asked.append((request.url, dict(request.params)))
            request = flow.send(remaining.pop(0))
    except StopIteration as done:
        assert not remaining
        return done.value, asked


def page(body: Any, link: str = "") -> Answer:
    return Answer(200, body, {"link": link} if link else {}, f"{BASE}/api/things?kind=a")


def test_the_link_header_leads_to_the_end() -> None:
    items, asked = walk(
        LinkHeader(),
        page([1, 2], f'<{BASE}/api/things>; rel="self", <{BASE}/api/things?after=2>; rel="next"'),
        page([3], '</api/things?after=3>; title="a, b"; rel=next'),
        page([], ""),
    )
    assert items == [1, 2, 3]
    assert asked == [("", {"kind": "a"}), (f"{BASE}/api/things?after=2", {}), (f"{BASE}/api/things?after=3", {})]


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("", None),
        ('<https://a/2>; rel="next"', "https://a/2"),
        ("<https://a/2>; rel=next", "https://a/2"),
        ('<https://a/1>; rel="prev", <https://a/2;x,y>; rel="last next"', "https://a/2;x,y"),
        ('<https://a/2>; title="rel=\\"next\\""; rel="prev"', None),
        ('<https://a/2>; REL="Next"', "https://a/2"),
        ('<https://a/2>; rel="prev"; rel="next"', None),  # RFC 8288 section 3.3: only the first counts
        ("https://a/2; rel=next", None),
    ],
)
def test_links_are_read_as_rfc_8288_writes_them(header: str, address: str | None) -> None:
    assert next_link(header) == address


@pytest.mark.parametrize(
    "header",
    [
        "<" * 16_000,
        "<a>; a" + " " * 16_000 + "!",
        "<a>" + " " * 16_000,
        "<a>" + ";a" * 8_000,
        '<a>;a="' + '\\"' * 8_000,
        "<a>" + ';a="' * 4_000,
        '<a>;rel="' + "n " * 8_000 + '"',
    ],
)
def test_links_are_read_in_linear_time(header: str) -> None:
    began = time.process_time()  # what other processes use does not count
    assert next_link(header) is None
    assert time.process_time() - began < 0.2


def test_a_link_header_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        next_link("<" * 95_000)


def test_the_next_address_in_the_body() -> None:
    pages = NextUrl(next_at=("@odata.nextLink",), items_at=("value",))
    next_url = f"{BASE}/api/things?$skiptoken=2"
    assert walk(pages, page({"value": [1], "@odata.nextLink": next_url}), page({"value": [2]})) == (
        [1, 2],
        [("", {"kind": "a"}), (next_url, {})],
    )


def test_a_cursor_and_a_page_token() -> None:
    pages = Cursor(next_at=("meta", "next"), parameter="pageToken", items_at=("users",))
    items, asked = walk(pages, page({"users": [1], "meta": {"next": "c2"}}), page({"users": [2], "meta": {"next": ""}}))
    assert items == [1, 2]
    assert asked[1] == ("", {"kind": "a", "pageToken": "c2"})


def test_an_offset_counts_what_came() -> None:
    pages = Offset(items_at=("values",), total_at=("total",), size=50)
    items, asked = walk(pages, page({"values": [1, 2], "total": 3}), page({"values": [3], "total": 3}))
    assert items == [1, 2, 3]
    assert [params["startAt"] for _, params in asked] == ["0", "2"]
    without_total = Offset(items_at=(), total_at=(), size=2)
    # The system sends at most 1 item on a page, whatever size was asked for.
    items, asked = walk(without_total, page([1]), page([2]), page([]))
    assert items == [1, 2]
    assert [params["startAt"] for _, params in asked] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("pages", "answers"),
    [
        (Offset(("v",), ("total",)), [page({"v": [1], "total": 3}), page({"v": [], "total": 3})]),
        (Offset(("v",), ("total",)), [page({"v": [1]})]),
        (Offset(("v",), ("total",)), [page({"total": 0})]),
        (Cursor(("next",), "cursor", ("v",)), [page({"v": [1], "next": "a"}), page({"v": [1], "next": "a"})]),
        (Cursor(("next",), "cursor", ("v",)), [page({"v": [1], "next": 7})]),
        (Cursor(("next",), "cursor", ("v",), max_items=1), [page({"v": [1, 2]})]),
        (Cursor(("meta", "next"), "cursor", ("v",)), [page({"v": [1], "meta": ["a"]})]),
        (NextUrl(("next",)), [page([1])]),
        (Cursor(("next",), "cursor", ("v",)), [page({"v": [], "next": f"{n}"}) for n in range(51)]),
        (Cursor(("next",), "cursor", ("v",)), [page({"v": [n], "next": f"{n}"}) for n in range(1000)]),
        (LinkHeader(), [page({"error": "no list"})]),
        (LinkHeader(), [page([1], '<https://xn--/>; rel="next"')]),
        (NextUrl(("next",), ("v",)), [page({"v": [1], "next": "https://vendor.example:99999/"})]),
        (LinkHeader(), [page([1], '</things?kind=b>; rel="next"'), page([1], '</things?kind=b>; rel="next"')]),
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_is_an_error(pages: Pages, answers: list[Answer]) -> None:
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        walk(pages, *answers)


def test_a_search_stops_where_it_has_enough() -> None:
    assert walk(Cursor(("next",), "cursor", ("v",)), page({"v": [1, 2, 3], "next": "a"}), at_most=2)[0] == [1, 2]


def test_a_403_that_is_a_rate_limit_waits() -> None:
    dialect = Dialect(
        code=lambda body: body.get("error", {}).get("reason", "") if isinstance(body, dict) else "",
        verdicts={(403, "userRateLimitExceeded"): Verdict.RATE_LIMITED, (200, "already_done"): Verdict.DONE},
    )
    assert dialect.verdict(403, {}, {}) is Verdict.CREDENTIAL
    assert dialect.verdict(403, {}, {"retry-after": "30"}) is Verdict.RATE_LIMITED
    assert dialect.verdict(403, {}, {"x-ratelimit-remaining": "0"}) is Verdict.RATE_LIMITED
    assert dialect.verdict(403, {}, {"x-ratelimit-remaining": "7"}) is Verdict.CREDENTIAL
    assert dialect.verdict(403, {"error": {"reason": "userRateLimitExceeded"}}, {}) is Verdict.RATE_LIMITED
    assert dialect.verdict(200, {"error": {"reason": "already_done"}}, {}) is Verdict.DONE
    assert dialect.verdict(200, {"error": {"reason": "locked"}}, {}) is Verdict.REFUSED


def test_a_system_that_answers_200_with_an_error() -> None:
    slack = Dialect(
        code=lambda body: body.get("error", "") if isinstance(body, dict) else "",
        failed_success=lambda body: isinstance(body, dict) and body.get("ok") is False,
        verdicts={(200, "ratelimited"): Verdict.RATE_LIMITED, (200, "user_not_found"): Verdict.MISSING},
    )
    assert slack.verdict(200, {"ok": True, "errors": ["a warning"]}, {}) is Verdict.DONE
    assert slack.verdict(200, {"ok": False, "error": "ratelimited"}, {}) is Verdict.RATE_LIMITED
    assert slack.verdict(200, {"ok": False, "error": "user_not_found"}, {}) is Verdict.MISSING
    assert slack.verdict(200, {"ok": False, "error": "not_authed"}, {}) is Verdict.REFUSED


def test_when_to_come_back_is_read_as_vendors_write_it() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=90)
    for headers in (
        {"retry-after": "90"},
        {"x-rate-limit-reset": str(int(moment.timestamp()))},
        {"x-ratelimit-reset": str(int(moment.timestamp()) * 1000)},
        {"ratelimit-reset": "90"},
        {"retry-after": format_datetime(moment, usegmt=True)},
        {"retry-after": "soon", "ratelimit-reset": "90"},
    ):
        seconds = Dialect().retry_after(headers)
        assert seconds is not None and 60 < seconds <= 90, headers


def test_a_limit_that_is_not_of_counted_requests_does_not_wait_for_their_reset() -> None:
    """GitHub's secondary limits: the headers count the primary one, of which requests are left."""
    reset = str(int(time.time()) + 2400)
    left = {"x-ratelimit-remaining": "4990", "x-ratelimit-reset": reset}
    patient = Dialect(limit_seconds=60)
    assert (patient.retry_after(left), patient.retry_after({}), Dialect().retry_after(left)) == (60, 60, None)
    assert patient.retry_after({**left, "retry-after": "7"}) == 7
    for verdict in (Verdict.FAILED, Verdict.RETRY):
        assert patient.retry_after(left, verdict) is None, "a failure is no limit"
        assert patient.retry_after({**left, "retry-after": "7"}, verdict) == 7
    assert (patient.retry_after({**left, "x-ratelimit-remaining": "0"}) or 0) > 2000
    assert (patient.retry_after({"x-ratelimit-reset": reset}) or 0) > 2000


def test_a_404_can_hide_a_missing_right() -> None:
    dialect = Dialect(lacks_right=lambda headers: "x-lacks" in headers)
    assert dialect.verdict(404, {}, {"x-lacks": "read"}) is Verdict.CREDENTIAL
    assert dialect.verdict(404, {}, {}) is Verdict.MISSING
    assert Dialect().verdict(404, {}, {"x-lacks": "read"}) is Verdict.MISSING


def test_a_time_without_sense_is_none() -> None:
    assert [read_retry_after(value) for value in (None, "", "soon", "-3")] == [None] * 4
    assert read_retry_after("999999999") == 86_400
    assert read_retry_after(str(int(time.time()) - 60)) == 0


def test_an_operation_fills_its_template() -> None:
    operation = Operation("DELETE", "/users/{userId}/sessions", "revokeUserSessions")
    assert operation.request("a/b").path == ("users", "a/b", "sessions")
    for ids in ((), ("a", "b")):
        with pytest.raises(ValueError, match="ids"):
            operation.request(*ids)


def test_every_page_of_cards_is_read() -> None:
    card = {"last4": "4242", "state": "active", "balance_cents": 0, "holder_email": "a@b.example"}
    asked = {"method": "GET", "path": "/cards", "params": {"email": "a@b.example"}}
    following = asked | {"params": {"email": "a@b.example", "cursor": "1"}}
    exchanges = [
        Exchange.read(
            {"request": asked, "answer": {"status": 200, "body": {"cards": [card | {"id": "1"}], "next": "1"}}}, BASE
        ),
        Exchange.read(
            {"request": following, "answer": {"status": 200, "body": {"cards": [card | {"id": "2"}], "next": None}}},
            BASE,
        ),
    ]
    settings = CardsSettings.model_validate({"url": BASE, "token": "t"})
    found = replay(CARDS.find(settings, [Lookup("email", "a@b.example")]), exchanges)
    assert [account.native_id for account in found] == ["1", "2"]


def test_a_replay_notices_what_was_not_recorded() -> None:
    with pytest.raises(AssertionError, match="the recording has no more exchanges"):
        replay(all_pages(LIST, LinkHeader()), [])
