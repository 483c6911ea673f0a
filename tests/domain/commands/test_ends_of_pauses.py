"""A pause of a run that ends at a time, and the second person whom a packet asks for to resume it."""

from __future__ import annotations

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.commands import pausing
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import DAY, HOUR, HR, MINUTE, OLE, SAM, Story, actor, packet

OLGA = actor("olga", "operator")


def bounded(second_person: bool = True) -> Packet:
    asked = f"pause: {{ends_within: P1D, second_person: {str(second_person).lower()}}}\n"
    return packet(approvals=("exceptions:", f"{asked}exceptions:"))


def paused(pinned: Packet | None = None, by: Actor = OLE) -> Story:
    story = Story(pinned)
    story.knows(OLGA)
    story.hold(by=by)
    return story


def test_a_pause_with_an_end_resumes_the_run_automatically() -> None:
    story = Story()
    end = story.now + 2 * HOUR
    story.hold(by=HR, until=end)
    assert story.state.held_until == end
    due_in = story.progress.due_in
    assert due_in is not None and due_in <= (2 * HOUR).total_seconds(), "the workflow asks again at the end"
    story.at(end - MINUTE)
    assert story.state.held
    story.at(end)
    assert not story.state.held and story.state.held_until is None
    assert [event.by for event in story.events(e.RunReleased)] == [""]
    assert story.refolded() == story.state


def test_a_pause_without_an_end_is_stored_as_before() -> None:
    story = paused()
    [held] = story.events(e.RunHeld)
    assert "until" not in held.model_dump(mode="json") and story.state.held_until is None
    story.later(300 * DAY)
    assert story.state.held


@pytest.mark.parametrize(("after", "code"), [(-MINUTE, "pause_end_past"), (25 * HOUR, "pause_too_long")])
def test_an_end_that_has_passed_or_is_too_late_is_refused(after: object, code: str) -> None:
    story = Story(bounded())
    with pytest.raises(Invalid, match=code):
        story.hold(until=story.now + after)  # type: ignore[operator]
    assert not story.state.held


def test_an_end_with_a_year_that_is_most_likely_wrong_is_refused_in_words_about_the_pause() -> None:
    story = Story()
    with pytest.raises(Invalid, match="cutoff_implausible") as refused:
        story.hold(until=story.now + 5000 * DAY)
    assert refused.value.message.startswith("The end of the pause")


def test_a_packet_can_end_every_pause() -> None:
    story = paused(bounded(second_person=False))
    assert story.state.held_until == story.now + DAY
    story.release()
    assert not story.state.held, "one person resumes, where the packet asks for no second one"
    story.hold()
    story.later(DAY)
    assert not story.state.held


def test_the_shorter_time_of_the_two_packet_versions_counts() -> None:
    story = Story()
    story.today(bounded())
    story.hold()
    assert story.state.held_until == story.now + DAY
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.release()


def test_a_second_person_resumes_where_the_packet_asks_for_one() -> None:
    story = paused(bounded())
    other = actor("ole-admin", "operator", human="h-ole")
    for same in (OLE, other):
        with pytest.raises(NotAllowed, match="second_person_needed") as refused:
            story.release(by=same)
        assert "ends automatically" in refused.value.message
    story.release(by=OLGA)
    assert not story.state.held
    story.hold(by=HR)
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.release(by=OLGA)
    story.later(DAY)
    assert not story.state.held, "HR's only person waits for the end"


def test_the_person_who_paused_extends_the_pause_and_does_not_shorten_it() -> None:
    story = paused(bounded())
    first = story.state.held_until
    assert first is not None
    story.later(HOUR)
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.hold(until=story.now + MINUTE)
    story.hold(until=first + HOUR)
    assert story.state.held_until == first + HOUR
    story.hold(by=OLGA, until=story.now + MINUTE)
    assert story.state.held_until == story.now + MINUTE
    assert story.hold(by=OLE) == [], "without another end it is paused already"


def test_the_person_who_paused_does_not_shorten_the_pause_with_an_account_of_a_higher_role() -> None:
    """The packet asks for another person to resume the run. A pause that takes the place of the present one can end
    in a minute, which resumes the run as well."""
    story = paused(bounded())
    end = story.state.held_until
    story.later(HOUR)
    for role in ("requester", "safety_owner"):
        same = actor(f"ole-{role}", role, human="h-ole")
        with pytest.raises(NotAllowed, match="second_person_needed"):
            story.hold(by=same, until=story.now + MINUTE)
    assert story.state.held_until == end
    story.hold(by=HR, until=story.now + MINUTE)
    assert story.state.held_until == story.now + MINUTE, "another person takes it over with an earlier end"


def test_a_pause_that_is_extended_is_confirmed_again() -> None:
    story = Story()
    story.hold(until=story.now + HOUR)
    first = story.exception("pause_unconfirmed")
    story.accept(first, by=HR)
    story.hold(until=story.now + DAY)
    assert story.exceptions() == [("pause_unconfirmed", "")] and story.exception("pause_unconfirmed") != first
    story.hold(until=story.now + 2 * DAY)
    assert story.exceptions() == [("pause_unconfirmed", "")], "one at a time"
    story.later(2 * DAY)
    assert not story.state.held and not any(kind == "pause_unconfirmed" for kind, _ in story.exceptions())


def test_the_end_of_a_pause_by_hr_is_for_hr() -> None:
    story = Story()
    story.hold(by=HR, until=story.now + DAY)
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.hold(by=OLE, until=story.now + HOUR)
    with pytest.raises(NotAllowed, match="postpone_not_allowed"):
        story.hold(by=SAM, until=story.now + HOUR)
    story.hold(by=HR, until=story.now + HOUR)
    assert story.state.held_until == story.now + HOUR


def test_a_page_offers_a_change_of_the_end_to_those_who_can_make_it() -> None:
    story = Story()
    story.hold(by=HR)
    assert Permissions(story.state, story.world, HR).hold()
    assert not Permissions(story.state, story.world, HR).take_over()
    assert not Permissions(story.state, story.world, OLE).hold()
    second = paused(bounded())
    second.later(HOUR)
    assert Permissions(second.state, second.world, OLE).hold(), "to a later end"
    assert not Permissions(second.state, second.world, OLE).release()
    assert pausing.latest_end(second.world) == second.now + DAY
