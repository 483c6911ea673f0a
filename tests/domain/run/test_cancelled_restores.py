"""A cancelled restore lists what is still removed, and an exception opens for each of the systems."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.commands import restoring
from orchestrator.domain.planning.still_removed import still_removed
from tests.domain.run.test_restores import removing, restored
from tests.domain.run_world import DONE, EVENING, HR, MINUTE, OLE, Story


def listed(story: Story) -> dict[str, tuple[str, list[str]]]:
    """What is still removed, by the name of the step that removed it: its account, and what the step took."""
    return {
        one.restoration.name: (one.restoration.account_id, [str(thing["name"]) for thing in one.things])
        for one in still_removed(story.state)
    }


def approved(story: Story) -> None:
    """Its accounts are searched again, as they are before the first change."""
    story.approve_all()
    story.later(timedelta(milliseconds=1))
    story.search()


def test_a_run_that_removes_access_has_no_such_list() -> None:
    assert still_removed(removing().state) == []


def test_a_restore_without_a_plan_lists_everything() -> None:
    other = restored(removing(), search=False)
    assert {one.step for one in still_removed(other.state)} == {None}
    assert set(listed(other)) == {"disable", "groups"}
    other.end()
    assert other.exceptions() == [("still_removed", "code")]


def test_what_was_not_restored_is_listed_for_its_account_and_an_exception_of_its_system() -> None:
    other = restored(removing())
    account = next(iter(other.state.accounts.details))
    assert listed(other) == {"disable": (account, []), "groups": (account, ["Sales", "Admins"])}
    other.end()
    assert other.exceptions() == [("still_removed", "code")], "the restore has changed nothing"
    opened = other.state.work.exceptions["x-still_removed-code"].opened
    assert (opened.system, opened.owners) == ("code", ("operator",))
    other.accept("x-still_removed-code", by=OLE)
    assert other.exceptions() == []


def test_a_restore_that_is_partly_done_lists_the_rest() -> None:
    other = restored(removing())
    approved(other)
    other.attempt("undo_disable")
    other.end()
    assert set(listed(other)) == {"groups"}
    assert set(other.exceptions()) == {("left_behind", "code"), ("still_removed", "code")}


def test_a_step_that_may_have_taken_effect_is_listed_as_such() -> None:
    other = restored(removing())
    approved(other)
    assert other.begin("undo_disable") is not None
    other.end()
    assert {one.restoration.name: one.may_be_restored for one in still_removed(other.state)} == {
        "disable": True,
        "groups": False,
    }


def test_a_restore_with_nothing_left_to_do_opens_no_exception_for_it() -> None:
    other = restored(removing())
    approved(other)
    other.attempt("undo_disable")
    intent = other.begin("undo_groups")
    assert intent is not None
    other.hold()
    other.finish(intent, DONE)
    assert not other.state.finished and listed(other) == {}
    other.end()
    assert other.exceptions() == [("left_behind", "code")]


def test_what_a_person_skipped_is_listed_and_opens_no_exception() -> None:
    other = restored(removing())
    other.approve_all()
    other.hold()
    other.skip("undo_disable", by=OLE)
    other.skip("undo_groups", by=OLE)
    assert not other.state.finished
    other.end()
    assert [one.skipped for one in still_removed(other.state)] == [True, True]
    assert ("still_removed", "code") not in other.exceptions()


def test_hrs_own_record_is_an_exception_of_hr() -> None:
    story = Story(ready=False, hr_leaving_at=EVENING)
    story.search()
    story.at(EVENING - MINUTE)
    other = restored(story)
    other.end()
    assert other.exceptions() == [("still_removed", "hr")]
    assert other.state.work.exceptions["x-still_removed-hr"].opened.owners == ("requester", "value_owner")


def test_a_start_that_cancels_the_restore_opens_no_exception_for_what_stays_removed() -> None:
    other = restored(removing())
    other.append(restoring.give_way(other.state, other.world.pinned, HR, other.world))
    assert set(listed(other)) == {"disable", "groups"}
    assert other.exceptions() == []
