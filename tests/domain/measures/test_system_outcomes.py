"""How a run ended on each system. A run with an open or waived exception is not completed without exceptions."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.measures.system_outcomes import system_outcomes
from orchestrator.domain.run.status import counts, run_status
from tests.domain.planning.test_uncovered import version
from tests.domain.run_world import DAY, EVENING, HR, Story, at_cutoff


def closed(story: Story) -> e.RunClosed:
    story.at(EVENING + DAY)
    story.work()
    [event] = story.events(e.RunClosed)
    return event  # type: ignore[no-any-return]


def test_each_system_is_verified_and_a_task_is_attested() -> None:
    story = at_cutoff()
    assert system_outcomes(story.state)["cards"] is None, "nothing is known before its steps are done"
    assert closed(story).outcome == "clean"
    assert system_outcomes(story.state) == {"code": "verified", "hand_over": "attested", "cards": "verified"}


def test_a_skipped_step_is_an_exception_on_its_system_only() -> None:
    story = at_cutoff()
    story.skip("pay")
    assert closed(story).outcome == "with_exceptions"
    assert system_outcomes(story.state) == {"code": "verified", "hand_over": "attested", "cards": "with_exceptions"}
    shown = counts(story.state)
    assert shown["verified"] + shown["attested"] == shown["steps"] - 1, "a skipped step is not done"


def test_a_waived_exception_keeps_a_run_from_being_completed_without_exceptions() -> None:
    """The requester accepts that the run does not cover a system: access can be open there."""
    story = at_cutoff()
    story.today(version())
    story.accept(story.exception("system_not_covered"), by=HR)
    event = closed(story)
    assert (event.outcome, event.skipped) == ("with_exceptions", 0)
    assert run_status(story.state) == "with_exceptions"
    assert system_outcomes(story.state) == {
        "code": "verified",
        "hand_over": "attested",
        "cards": "verified",
        "chat": "with_exceptions",
    }


def test_an_accepted_delay_and_an_accepted_review_are_no_exceptions_once_the_work_is_done() -> None:
    """What they ask for was done."""
    kinds = {kind for kind, rule in RULES.items() if rule.waived_when_accepted}
    assert kinds == {
        "left_open",
        "service_without_owner",
        "role_without_holder",
        "system_not_covered",
        "leaving_changed",
        "access_returned",
        "watch_failed",
    }


def test_an_exception_that_opens_after_the_close_changes_the_status() -> None:
    """A limit on starts is shown on the latest run that counted, also if that run is closed."""
    story = at_cutoff()
    assert closed(story).outcome == "clean"
    opened = e.ExceptionOpened(
        exception_id="x-start_limit-1", kind="start_limit", owners=("safety_owner",), due=EVENING
    )
    story.append([opened])
    assert run_status(story.state) == "with_exceptions"
    story.append([e.ExceptionClosed(exception_id="x-start_limit-1", disposition="overcome")])
    assert run_status(story.state) == "clean"


def test_a_dry_run_has_no_outcome_by_system() -> None:
    assert system_outcomes(Story(phase="shadow").state) == {}
