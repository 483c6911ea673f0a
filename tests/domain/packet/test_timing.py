from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestrator.domain.packet.timing import Timing, duration_text, parse_duration

CUTOFF = datetime(2026, 11, 30, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("P1DT12H", timedelta(hours=36)),
        ("P2W", timedelta(days=14)),
        ("PT0.5S", timedelta(milliseconds=500)),
        ("PT0S", timedelta(0)),
    ],
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize("text", ["", "P", "PT", "P1M", "P1Y", "15m", "P-1D", "-P1D", "P1H", "PT1D", "1", "P999999D"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(ValueError, match="PT15M"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_a_length_of_time_comes_back_from_its_text(length: timedelta) -> None:
    assert parse_duration(duration_text(length)) == length


@pytest.mark.parametrize("text", ["approval", "cutoff", "cutoff+P30D", "cutoff-P7D", "cutoff+PT1H30M"])
def test_timings_are_read_and_written(text: str) -> None:
    timing = Timing.model_validate(text)
    assert str(timing) == text
    assert TypeAdapter(Timing).validate_json(timing.model_dump_json()) == timing


def test_when_a_timing_falls_due() -> None:
    assert Timing.model_validate("approval").not_before(CUTOFF) is None
    assert Timing.model_validate("cutoff").not_before(CUTOFF) == CUTOFF
    assert Timing.model_validate("cutoff-P7D").not_before(CUTOFF) == CUTOFF - timedelta(days=7)


@pytest.mark.parametrize("text", ["approval+P1D", "cutoff+", "cutof", "P1D", "cutoff+30D", "cutoff++P1D", ""])
def test_what_is_no_timing(text: str) -> None:
    with pytest.raises(ValidationError):
        Timing.model_validate(text)
