"""A cutoff is an instant given with a zone. Neither a missing hour nor a double one is guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import Invalid, remedy_in
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.vocabulary.remedies import COMMON


def refused(text: str, zone: str | None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        parse_cutoff(text, zone)
    return caught.value


def test_a_local_time_in_a_zone() -> None:
    cutoff = parse_cutoff("2026-11-30T17:00", "Europe/Berlin")
    assert cutoff.instant == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert cutoff.instant.tzinfo is UTC
    assert (cutoff.zone, cutoff.local) == ("Europe/Berlin", "2026-11-30T17:00:00+01:00")


def test_a_blank_instead_of_the_letter_and_seconds() -> None:
    assert parse_cutoff(" 2026-07-01 09:30:15 ", "America/New_York").instant == datetime(
        2026, 7, 1, 13, 30, 15, tzinfo=UTC
    )


@pytest.mark.parametrize("zone", [None, "", "  "])
def test_no_zone_is_refused(zone: str | None) -> None:
    assert refused("2026-11-30T17:00", zone).code == "cutoff_without_zone"


def test_an_offset_does_not_replace_a_zone() -> None:
    assert refused("2026-11-30T17:00+01:00", None).code == "cutoff_without_zone"


@pytest.mark.parametrize(("zone", "meant"), [("europe/berlin", "Europe/Berlin"), ("Europe/Berlim", "Europe/Berlin")])
def test_an_unknown_zone_is_refused_with_the_one_that_was_meant(zone: str, meant: str) -> None:
    answer = refused("2026-11-30T17:00", zone)
    assert answer.code == "unknown_zone" and meant in remedy_in(COMMON, answer.code, answer.facts)


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/localtime", "CEST", "+01:00", "\0"])
def test_what_is_no_zone_name_is_refused(zone: str) -> None:
    assert refused("2026-11-30T17:00", zone).code == "unknown_zone"


@pytest.mark.parametrize(
    ("text", "zone", "before", "after"),
    [
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29 01:59:00", "2026-03-29 03:00:00"),
        ("2026-03-29T02:00", "Europe/Berlin", "2026-03-29 01:59:00", "2026-03-29 03:00:00"),
        ("2026-03-29T02:59:59", "Europe/Berlin", "2026-03-29 01:59:00", "2026-03-29 03:00:00"),
        ("2026-03-08T02:15", "America/New_York", "2026-03-08 01:59:00", "2026-03-08 03:00:00"),
        ("2026-10-04T02:10", "Australia/Lord_Howe", "2026-10-04 01:59:00", "2026-10-04 02:30:00"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-29 23:59:00", "2011-12-31 00:00:00"),  # a day that never was
    ],
)
def test_a_time_that_the_clocks_jump_over_is_refused_with_its_neighbours(
    text: str, zone: str, before: str, after: str
) -> None:
    answer = refused(text, zone)
    assert answer.code == "cutoff_in_gap"
    assert (before, after) == (answer.facts["before"], answer.facts["after"])


def test_the_edges_of_a_gap_are_times() -> None:
    last = parse_cutoff("2026-03-29T01:59:59", "Europe/Berlin").instant
    first = parse_cutoff("2026-03-29T03:00:00", "Europe/Berlin").instant
    assert first - last == timedelta(seconds=1)


def test_a_time_that_happens_twice_is_refused_with_both_offsets() -> None:
    answer = refused("2026-10-25T02:30", "Europe/Berlin")
    assert answer.code == "cutoff_twice"
    assert "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00" in str(answer.facts["both"])


@pytest.mark.parametrize(("offset", "hour"), [("+02:00", 0), ("+01:00", 1), ("+0200", 0)])
def test_an_offset_says_which_of_the_two_is_meant(offset: str, hour: int) -> None:
    cutoff = parse_cutoff(f"2026-10-25T02:30{offset}", "Europe/Berlin")
    assert cutoff.instant == datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    assert cutoff.zone == "Europe/Berlin"


def test_an_offset_that_the_zone_does_not_have_then_is_refused() -> None:
    answer = refused("2026-07-01T12:00+01:00", "Europe/Berlin")
    assert answer.code == "cutoff_offset_differs" and "+02:00" in answer.message


@pytest.mark.parametrize("text", ["2026-07-01T12:00Z", "2026-07-01T12:00:00.000Z", "2026-07-01T12:00:00,0Z"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_instant_is_taken_in_the_zone(text: str, zone: str) -> None:
    cutoff = parse_cutoff(text, zone)
    assert (cutoff.instant, cutoff.zone) == (datetime(2026, 7, 1, 12, tzinfo=UTC), zone)
    assert cutoff.local == ("2026-07-01T12:00:00+00:00" if zone == "UTC" else "2026-07-01T14:00:00+02:00")


@pytest.mark.parametrize("year", [2200, 2999, 4712, 9999])
def test_a_year_that_means_no_end_is_refused(year: int) -> None:
    assert refused(f"{year}-12-31T18:00", "Europe/Berlin").code == "cutoff_not_understood"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "2026-11-30",
        "30.11.2026 17:00",
        "2026-02-30T10:00",
        "2026-11-30T24:30",
        "0001-01-01T00:00",
        "2026-W48-1T10:00",
        "2026-11-30T17:00:00.5",
        "x" * 500,
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    answer = refused(text, "Europe/Berlin")
    assert answer.code == "cutoff_not_understood"
    assert len(answer.message) < 120


@given(
    seconds=st.integers(63_072_000, 4_102_444_800),  # from 1972 to 2100
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca", "UTC"]
    ),
)
def test_every_instant_can_be_said_and_comes_back(seconds: int, zone: str) -> None:
    instant = datetime.fromtimestamp(seconds, UTC)
    local = instant.astimezone(ZoneInfo(zone))
    if (local.utcoffset() or timedelta()).total_seconds() % 60:
        return  # offsets with seconds were given up before 1973 in all these zones
    cutoff = parse_cutoff(local.isoformat(), zone)
    assert cutoff.instant == instant
    assert datetime.fromisoformat(cutoff.local) == instant
