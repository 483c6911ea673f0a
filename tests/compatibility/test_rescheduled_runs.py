"""A run that an earlier version rescheduled has the same state as then, and its effects have the same keys.

The stream is written by hand: the recorded database has no run that was rescheduled after a step with a date.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.compatibility import product

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PARAMETERS = {
    "nested": {"window": {"ends": "= run.cutoff"}},
    "in_a_list": {"days": ["= run.cutoff"]},
    "zone": {"zone": "= run.zone"},
    "without_a_space": {"at": "=run.cutoff"},
    "plain": {"at": "= run.cutoff"},
}
SENT_AGAIN = ("without_a_space", "plain")
"""Of these the earlier version (commit 77071ca) repeated the effect."""


def step(name: str) -> dict[str, Any]:
    return {
        "step_id": f"s-{name}",
        "digest": f"d-{name}",
        "name": name,
        "title": name,
        "system": "code",
        "ability": "notify",
        "account_id": "a-1",
        "level": "change",
        "repeat": "freely",
        "parameters": PARAMETERS[name],
    }


def attempt(name: str, generation: int) -> list[tuple[str, dict[str, Any]]]:
    which = {"step_id": f"s-{name}", "generation": generation, "attempt": 1}
    started = {"effect_key": f"e-{name}-{generation}", "lease_until": "2026-03-02T09:01:00Z", "caused_by": ["hr"]}
    return [("StepStarted", which | started), ("StepVerified", which)]


def stream(*, closed: bool) -> list[tuple[str, dict[str, Any]]]:
    """The events as they were stored: type and public fields."""
    happened = [
        (
            "RunRequested",
            {
                "run_id": "r1",
                "person_id": "p-1",
                "packet": "leaver",
                "packet_version": "v1",
                "phase": "production",
                "cutoff": "2026-03-02T18:00:00Z",
                "zone": "UTC",
                "local_cutoff": "2026-03-02T18:00",
                "urgent": False,
                "requested_by": "hr",
                "requester_human": None,
                "embargo_until": None,
                "named": [],
            },
        ),
        ("PlanFrozen", {"revision": 1, "digest": "d", "steps": [step(name) for name in PARAMETERS], "open_steps": []}),
        *(event for name in PARAMETERS for event in attempt(name, 1)),
        (
            "RunRescheduled",
            {"cutoff": "2026-03-03T18:00:00Z", "zone": "UTC", "local_cutoff": "2026-03-03T18:00", "by": "hr"},
        ),
    ]
    if closed:
        happened += [event for name in SENT_AGAIN for event in attempt(name, 2)]
        happened.append(("RunClosed", {"outcome": "clean", "verified": 5, "attested": 0, "skipped": 0}))
    return happened


def folded(stored: list[tuple[str, dict[str, Any]]]) -> product.RunState:
    state = product.RunState()
    for kind, fields in stored:
        state = product.fold(state, product.CODEC.decode(kind, 1, json.dumps(fields).encode(), None), MONDAY)
    return state


@pytest.mark.parametrize("name", PARAMETERS)
def test_only_steps_that_were_sent_again_then_are_sent_again(name: str) -> None:
    known = folded(stream(closed=False)).work.steps[f"s-{name}"]
    expected = ("planned", 2) if name in SENT_AGAIN else ("verified", 1)
    assert (known.status, known.generation) == expected


def test_a_closed_run_has_no_planned_step() -> None:
    state = folded(stream(closed=True))
    assert state.finish == "clean"
    assert {known.status for known in state.work.steps.values()} == {"verified"}


def test_a_stored_change_of_cutoff_is_encoded_to_the_same_fields() -> None:
    [(kind, fields)] = [(kind, fields) for kind, fields in stream(closed=False) if kind == "RunRescheduled"]
    event = product.CODEC.decode(kind, 1, json.dumps(fields).encode(), None)
    assert json.loads(product.CODEC.encode(event).public) == fields
