"""A start that asks for a dry run: what it is refused for, and what it leaves out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain.commands import legal_holding, requests
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events import RunRequested
from orchestrator.domain.organisation.starts import StartsState
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.visibility import require_visible, sees
from tests.domain.run_world import (
    CATALOGUE,
    EVENING,
    EVERYBODY,
    HR,
    MONDAY,
    OLE,
    PERSON,
    PERSON_ID,
    ROBOT,
    Story,
    actor,
    cutoff,
    packet,
)


def asked(**more: object) -> RunRequested:
    values = {
        "run_id": "r1",
        "person_id": PERSON_ID,
        "person": PERSON,
        "cutoff": cutoff(EVENING),
        "urgent": False,
        "actor": HR,
        "packet": packet(),
        "phase": "shadow",
        "shadow": True,
        "open_run": "r0",
        "now": MONDAY,
        "actors": EVERYBODY,
        "abilities": CATALOGUE,
        **more,
    }
    return requests.request_run(**values)  # type: ignore[arg-type]  # one argument at a time is changed


def test_the_rights_are_those_of_a_start() -> None:
    for by, code in (
        (ROBOT, "only_people"),
        (actor("x", "nothing"), "level_not_granted"),
        (actor("ada", "requester", human=PERSON_ID), "own_run"),
        (HR.model_copy(update={"up_to": Level.READ}), "access_limited"),
    ):
        with pytest.raises(Refusal) as refused:
            asked(actor=by)
        assert refused.value.code == code


def test_an_open_run_does_not_refuse_it_and_it_is_not_counted() -> None:
    request = asked(hr_leaving_at=EVENING)
    assert (request.phase, request.urgent, request.hr_leaving_at) == ("shadow", False, None)
    admitted = starting.admit(StartsState(), request, packet(), HR, MONDAY, last_of=["operator"])
    assert (admitted.events, admitted.refused) == ((), None)
    with pytest.raises(Refusal, match="run_open"):
        asked(phase="production", shadow=False)


def test_it_is_never_urgent() -> None:
    with pytest.raises(Invalid) as refused:
        asked(urgent=True, cutoff=None)
    assert refused.value.code == "dry_run_urgent"
    late = asked(cutoff=cutoff(MONDAY - timedelta(days=3)))
    assert not late.urgent, "a late start of a run that changes nothing needs no recent sign-in and no review"


def test_it_is_under_the_embargo_of_the_run_that_its_requester_sees() -> None:
    lasts = EmbargoTerms(EVENING + timedelta(days=9), ("anna", "ben", "lea", "ole", "sam"))
    alone = asked(beside=lasts)
    assert (alone.embargo_until, alone.named) == (lasts.until, ("anna", "ben", "hr", "lea", "ole", "sam"))
    wish = EmbargoTerms(EVENING, ("anna", "ben", "lea", "ole"))
    both = asked(beside=lasts, embargo=wish)
    assert both.embargo_until == lasts.until and set(both.named) >= set(wish.named)
    assert asked().embargo_until is None


def test_it_takes_no_legal_hold() -> None:
    dry = Story(phase="shadow", ready=False)
    with pytest.raises(Invalid) as refused:
        legal_holding.place(dry.state, "A claim", HR, dry.world)
    assert refused.value.code == "dry_run_legal_hold"
    with pytest.raises(Invalid, match="dry_run_legal_hold"):
        legal_holding.at_start(dry.state.asked, "A claim", HR, dry.world)


def test_it_does_not_exist_for_the_person_whom_it_is_about() -> None:
    ada = actor("ada", "requester", "operator", human=PERSON_ID)
    helper = Actor(actor_id="helper", kind="assistant", roles=frozenset({"operator"}), maker=ada)
    for phase, seen in (("shadow", False), ("production", True)):
        story = Story(phase=phase, ready=False)
        story.finds["code"] = []
        story.search()
        assert story.exceptions() == [("no_account", "code")], "something waits for an operator"
        assert sees(story.state, ada, story.world) is seen
        assert sees(story.state, OLE, story.world) and sees(story.state, HR, story.world)
        assert not sees(story.state, helper, story.world) or seen
        if not seen:
            with pytest.raises(Invalid, match="unknown_run"):
                require_visible(story.state, ada, story.world)
