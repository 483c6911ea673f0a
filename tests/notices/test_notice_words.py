"""What a notice says, and when: nothing about anyone, in the reader's own zone, once and once more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.notifications.notice_words import letter, when
from orchestrator.notifications.notices import Notice, PendingItem, due_notices, remind_at

URL = "https://offboard.example.com"
NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def gate(
    number: int = 1, *, opened: datetime = NOW, due: datetime | None = None, embargoed: bool = False
) -> PendingItem:
    due = due or datetime(2026, 11, 27, 17, 0, tzinfo=UTC)
    return PendingItem(f"r{number}/g-access-1", f"r{number}", "gate", opened, due, "Remove access", 6, "", embargoed)


def test_one_decision_in_its_own_words() -> None:
    told = letter([Notice(gate(), "first")], URL, "Europe/Berlin", NOW)
    assert told.subject == "Offboard: An approval needs your attention"
    assert told.text.splitlines()[:4] == [
        "An approval needs your attention: Remove access, 6 steps.",
        "Approve or reject by 27 Nov 2026 18:00 (Europe/Berlin).",
        "",
        f"{URL}/runs/r1",
    ]
    assert f"{URL}/inbox" in told.text


def test_a_signature_of_the_close_in_its_own_words() -> None:
    told = letter([Notice(replace(gate(), title="Finance signs", steps=24, close=True), "first")], URL, None, NOW)
    assert told.text.splitlines()[:2] == [
        "A signature needs your attention: Finance signs, 24 steps.",
        "Sign or reject by 27 Nov 2026 17:00 (UTC).",
    ]
    hidden = letter([Notice(replace(gate(), embargoed=True, close=True), "first")], URL, None, NOW)
    assert hidden.subject == "Offboard: An item needs your attention"


def test_a_reminder_says_that_it_is_one() -> None:
    told = letter([Notice(gate(), "reminder")], URL, "America/New_York", NOW)
    assert told.subject == "Offboard: An approval still needs your attention"
    assert "27 Nov 2026 12:00 (America/New_York)" in told.text
    late = letter([Notice(gate(due=NOW - HOUR, opened=NOW - DAY), "first")], URL, None, NOW)
    assert "It was due on 25 Nov 2026 08:00 (UTC)." in late.text


def test_several_are_one_digest() -> None:
    exception = PendingItem("r2/x-1", "r2", "exception", NOW, NOW + DAY, exception="outcome_unknown")
    task = PendingItem("r3/t-1", "r3", "task", NOW, NOW + DAY, "Collect the laptop")
    told = letter([Notice(gate(), "first"), Notice(exception, "first"), Notice(task, "reminder")], URL, None, NOW)
    assert told.subject == "Offboard: 3 items need your attention"
    assert "1. An approval: Remove access, 6 steps. Approve or reject by" in told.text
    assert "2. An exception: outcome unknown. Resolve by" in told.text
    assert "3. A task: Collect the laptop (reminder). Complete by" in told.text
    many = letter([Notice(gate(n), "first") for n in range(50)], URL, None, NOW)
    assert many.subject == "Offboard: 50 items need your attention" and "And 30 more." in many.text


def test_what_people_are_informed_of_asks_for_nothing() -> None:
    paused = PendingItem("r7/news-4", "r7", "news", NOW, None, news="paused")
    told = letter([Notice(paused, "first")], URL, None, NOW)
    assert told.subject == "Offboard: A run was paused"
    assert told.text.splitlines()[:3] == ["A run was paused.", "", f"{URL}/runs/r7"]
    service = PendingItem("service/1/expired", "", "news", NOW, None, news="service_expired")
    told = letter([Notice(gate(), "first"), Notice(service, "first")], URL, None, NOW)
    assert "2. The API token of a service has expired.\n   " + f"{URL}/tokens" in told.text
    secret = PendingItem("r9/news-4", "r9", "news", NOW, None, embargoed=True, news="cancelled")
    told = letter([Notice(secret, "first")], URL, None, NOW)
    assert "cancelled" not in told.text and "r9" not in told.text and f"{URL}/inbox" in told.text


def test_of_an_embargo_nothing_is_said() -> None:
    for kind in ("gate", "task", "exception", "review"):
        secret = PendingItem("r9/x-9", "r9", kind, NOW, NOW + DAY, "Remove access", 6, "step_failed", embargoed=True)
        told = letter([Notice(secret, "first")], URL, "Europe/Berlin", NOW)
        assert told.subject == "Offboard: An item needs your attention"
        assert told.text.startswith("An item needs your attention.\n\nhttps://offboard.example.com/inbox\n")
        for word in ("r9", "access", "Nov", "approval", "decision", "step", "embargo"):
            assert word not in told.text, word
        both = letter([Notice(secret, "first"), Notice(gate(), "first")], URL, None, NOW).text
        assert "1. An item.\n   https://offboard.example.com/inbox\n" in both and "r9" not in both


def test_an_unknown_zone_is_utc() -> None:
    assert when(NOW, "Mars/Olympus") == "25 Nov 2026 09:00 (UTC)" == when(NOW, None)


def test_reminders_come_a_quarter_before_and_an_hour_where_there_is_time() -> None:
    for span, before in (
        (4 * DAY, DAY),
        (2 * HOUR, HOUR),
        (3 * HOUR, HOUR),
        (HOUR, HOUR / 2),
        (10 * MINUTE, 5 * MINUTE),
    ):
        assert remind_at(NOW, NOW + span) == NOW + span - before


def test_what_comes_together_is_mailed_together() -> None:
    first, second = gate(1, opened=NOW), gate(2, opened=NOW + 40 * timedelta(seconds=1))
    assert due_notices([first, second], {}, NOW + 50 * timedelta(seconds=1), MINUTE) == ((), NOW + MINUTE)
    told, again = due_notices([first, second], {}, NOW + MINUTE, MINUTE)
    assert [notice.waiting for notice in told] == [first, second]
    assert again == min(remind_at(one.opened_at, one.due_at) for one in (first, second) if one.due_at)


def test_nothing_is_mailed_twice_and_a_late_first_notice_needs_no_reminder() -> None:
    one = gate(opened=NOW, due=NOW + 4 * DAY)
    told = {(one.item_id, "first"): NOW + MINUTE}
    assert due_notices([one], told, NOW + DAY, MINUTE) == ((), NOW + 3 * DAY)
    assert due_notices([one], told, NOW + 3 * DAY, MINUTE) == ((Notice(one, "reminder"),), None)
    assert due_notices([one], told | {(one.item_id, "reminder"): NOW + 3 * DAY}, NOW + 3 * DAY, MINUTE) == ((), None)
    assert due_notices([one], {(one.item_id, "first"): NOW + 3 * DAY}, NOW + 3 * DAY, MINUTE) == ((), None)
    assert due_notices([one], told, NOW + 5 * DAY, MINUTE) == ((), None), "no reminder of what is over"


def test_what_was_refused_waits_before_it_is_tried_again() -> None:
    one = gate()
    refused = {(one.item_id, "refused"): NOW + MINUTE}
    assert due_notices([one], refused, NOW + 2 * MINUTE, MINUTE) == ((), NOW + MINUTE + HOUR)
    assert due_notices([one], refused, NOW + MINUTE + HOUR, MINUTE)[0] == (Notice(one, "first"),)


@given(
    spans=st.lists(st.integers(1, 10_000), min_size=1, max_size=6),
    begins=st.integers(0, 3000),
    gather=st.integers(0, 120),
)
def test_each_item_is_mailed_once_and_reminded_of_at_most_once(spans: list[int], begins: int, gather: int) -> None:
    second = timedelta(seconds=1)
    opened = [NOW + n * begins * second for n in range(len(spans))]
    items = [gate(n, opened=opened[n], due=opened[n] + span * MINUTE) for n, span in enumerate(spans)]
    sent: dict[tuple[str, str], datetime] = {}
    now: datetime | None = NOW + len(items) * begins * second
    for _ in range(100):
        assert now is not None
        told, again = due_notices(items, sent, now, timedelta(seconds=gather))
        for notice in told:
            assert (notice.waiting.item_id, notice.kind) not in sent
            sent[notice.waiting.item_id, notice.kind] = now
        if again is None:
            break
        assert again > now
        now = again
    else:
        pytest.fail("it never comes to rest")
    assert {item for item, kind in sent if kind == "first"} == {item.item_id for item in items}
