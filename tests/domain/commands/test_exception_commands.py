"""Exceptions that people assign, snooze, comment on and waive."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import exception_commands
from orchestrator.domain.commands.exception_commands import owner_of
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.run_projection import RunProjection
from orchestrator.domain.run.status import run_status
from orchestrator.domain.run.work import ExceptionState
from orchestrator.ledger.book.projections import run_rows
from tests.domain.run_world import (
    ANNA,
    DAY,
    DONE,
    EVENING,
    HOUR,
    HR,
    LEA,
    MINUTE,
    OLE,
    PERSON_ID,
    REFUSED,
    ROBOT,
    SAM,
    Story,
    actor,
    at_cutoff,
    packet,
)

OLGA = actor("olga", "operator")
REPORT = actor("rep", "operator", above=[PERSON_ID])
ADA = actor("ada", "operator", human=PERSON_ID)
WAIVABLE = {
    "search_failed", "connector_missing", "step_failed", "outcome_unknown", "step_failing", "level_missing",
    "not_carried_out", "task_overdue", "legal_hold", "system_not_covered",
    "workflow_stopped",
}  # fmt: skip


def failed(step: str = "freeze", **more: object) -> tuple[Story, str]:
    """A run with a failed step, and its exception. `freeze` removes no access, `disable` does."""
    story = at_cutoff(**more)
    story.knows(OLGA)
    if step != "disable":
        story.attempt("disable", DONE)
    story.attempt(step, REFUSED)
    return story, story.exception("step_failed")


def known(story: Story, exception_id: str) -> ExceptionState:
    return story.state.work.exceptions[exception_id]


def assign(story: Story, exception_id: str, to: str, by: Actor = OLE) -> list[e.Event]:
    return story.append(exception_commands.assign(story.state, exception_id, to, "on duty", by, story.world))


def snooze(story: Story, exception_id: str, span: timedelta | None, by: Actor = OLE, reason: str | None = None) -> None:
    until = story.now + span if span is not None else None
    story.append(exception_commands.snooze(story.state, exception_id, until, reason, by, story.world))


def waive(
    story: Story, exception_id: str, span: timedelta = 10 * DAY, by: Actor = OLE, reason: str = "vendor is slow"
) -> None:
    until = story.now + span
    story.append(exception_commands.waive(story.state, exception_id, until, reason, "card is watched", by, story.world))


def refused(*arguments: object) -> str:
    act, *rest = arguments
    with pytest.raises(Refusal) as error:
        act(*rest)  # type: ignore[operator]  # a function of this file and its arguments
    return error.value.code


# Assign


def test_an_operator_assigns_an_exception_to_another_and_back_to_the_role() -> None:
    story, id_ = failed()
    assert owner_of(story.state, known(story, id_), story.world) == ""
    assign(story, id_, "olga")
    assert owner_of(story.state, known(story, id_), story.world) == "olga"
    assert assign(story, id_, "olga") == [], "it is hers already"
    assign(story, id_, "")
    assert known(story, id_).assigned_to == "" and story.refolded() == story.state


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (ADA, "leaver"),
        (REPORT, "report to the leaver"),
        (ROBOT, "No user"),
        (actor("feed", "operator", kind="service"), "No user"),
        (ANNA, "operator"),
        (actor("stranger", "operator", human=None), "No user"),
        (None, "No user"),
    ],
    ids=["leaver", "report", "assistant", "service", "other role", "unknown to HR", "no account"],
)
def test_who_can_not_own_an_exception(to: Actor | None, why: str) -> None:
    story, id_ = failed()
    if to is not None:
        story.knows(to)
    with pytest.raises(Invalid) as unsuitable:
        assign(story, id_, to.actor_id if to is not None else "nobody")
    assert unsuitable.value.code == "assignee_unsuitable" and why in unsuitable.value.message
    assert known(story, id_).assigned is None


def test_an_owner_can_act_on_the_system_and_see_the_run() -> None:
    cards_for_ole = packet(
        platform=("  - {who: operator, up_to: change}\n", "  - {who: operator, systems: [code], up_to: change}\n")
    )
    story, id_ = failed()
    story.today(cards_for_ole)
    with pytest.raises(Invalid) as unsuitable:
        assign(story, id_, "olga")
    assert "the permission 'change' on system 'cards'" in unsuitable.value.message
    story, id_ = failed(embargo=EmbargoTerms(EVENING + 9 * DAY, ("hr", "anna", "ben", "ole", "sam")))
    with pytest.raises(Invalid) as unsuitable:
        assign(story, id_, "olga")
    assert "can't see the run" in unsuitable.value.message


def test_a_report_owns_it_if_no_other_person_can() -> None:
    story, id_ = failed()
    story.knows(REPORT, OLGA.model_copy(update={"managers": frozenset({PERSON_ID})}))
    story.knows(OLE.model_copy(update={"managers": frozenset({PERSON_ID})}))
    assign(story, id_, "rep", by=story.world.actors["ole"])
    assert owner_of(story.state, known(story, id_), story.world) == "rep"


def test_the_roles_own_it_once_its_owner_has_left_or_lost_the_role() -> None:
    story, id_ = failed()
    assign(story, id_, "olga")
    story.without_role("olga", "operator")
    assert owner_of(story.state, known(story, id_), story.world) == ""


def test_only_the_roles_of_an_exception_assign_and_snooze_it() -> None:
    story, id_ = failed()
    story.knows(REPORT, ADA)
    for act in (lambda by: assign(story, id_, "olga", by), lambda by: snooze(story, id_, HOUR, by)):
        assert refused(act, ANNA) == "role_missing"
        assert refused(act, ROBOT) == "only_people"
        assert refused(act, ADA) == "own_run"
        assert refused(act, REPORT) == "reports_to_person"


# Snooze


def test_a_snooze_hides_an_exception_from_inboxes_and_leaves_its_due_date() -> None:
    story, id_ = failed()
    due = known(story, id_).due
    snooze(story, id_, HOUR)
    row = run_rows(story.state)["inbox", f"r1/{id_}"]
    assert row["detail"]["snoozed_until"] == story.now + HOUR and row["due_at"] == due
    snooze(story, id_, None)
    assert "snoozed_until" not in run_rows(story.state)["inbox", f"r1/{id_}"]["detail"]
    assert story.refolded() == story.state


def test_a_snooze_beyond_the_due_date_needs_a_reason() -> None:
    story, id_ = failed()
    assert refused(snooze, story, id_, 2 * DAY) == "reason_missing"
    snooze(story, id_, 2 * DAY, OLE, "the vendor answers tomorrow")
    assert known(story, id_).due < story.now + 2 * DAY, "it is overdue in lists before it is in inboxes"


@pytest.mark.parametrize("act", [snooze, waive])
def test_a_snooze_and_a_waiver_end_in_the_next_ninety_days(act: object) -> None:
    story, id_ = failed()
    assert refused(act, story, id_, timedelta(0)) == refused(act, story, id_, -HOUR) == "time_past"
    assert refused(act, story, id_, 90 * DAY + MINUTE) == "time_too_late"


# Comment


def test_everyone_who_sees_the_run_comments_but_the_leaver_and_programs() -> None:
    story, id_ = failed()
    for by in (OLE, LEA, ANNA):
        story.append(exception_commands.comment(story.state, id_, f"from {by.actor_id}", by))
    assert [comment.text for comment, _ in known(story, id_).comments] == ["from ole", "from lea", "from anna"]
    for by, code in ((ADA, "own_run"), (ROBOT, "only_people")):
        assert refused(exception_commands.comment, story.state, id_, "no", by) == code
    assert refused(exception_commands.comment, story.state, id_, "  ", OLE) == "comment_missing"
    assert refused(exception_commands.comment, story.state, id_, "x" * 4001, OLE) == "text_too_long"
    story.retry("freeze")
    assert refused(exception_commands.comment, story.state, id_, "late", OLE) == "exception_closed"


def test_texts_are_hidden_from_those_who_do_not_read_the_system() -> None:
    reader = actor("reader", "auditor")
    only_code = ("levels:\n", "levels:\n  - {who: auditor, systems: [code], up_to: read}\n")
    story, id_ = failed(pinned=packet(platform=only_code))
    assign(story, id_, "olga")
    snooze(story, id_, HOUR, OLE, "secret")
    story.append(exception_commands.comment(story.state, id_, "secret", OLE))
    waive(story, id_, reason="secret")
    story.append(exception_commands.comment(story.state, id_, "secret", OLE))
    shown = RunProjection.of(story.state, reader, story.world).state().work.exceptions[id_]
    assert shown.comments and shown.waiver is not None and shown.waiver[0].until is not None
    assert "secret" not in repr(shown) and "watched" not in repr(shown) and "on duty" not in repr(shown)
    assert "secret" in repr(RunProjection.of(story.state, OLE, story.world).state().work.exceptions[id_])


# Waive


def test_a_waived_exception_is_open_again_at_its_date_with_a_new_due_date() -> None:
    story, id_ = failed()
    waive(story, id_)
    until = story.now + 10 * DAY
    assert known(story, id_).open and known(story, id_).due == until
    assert run_status(story.state) != "needs_attention"
    assert run_rows(story.state)["exceptions", f"r1/{id_}"]["due_at"] == until
    assert story.progress.due_in is not None and story.progress.due_in <= 10 * 86400
    story.at(until - MINUTE)
    assert known(story, id_).waived
    story.at(until)
    assert story.events(e.ExceptionReopened) == [e.ExceptionReopened(exception_id=id_, due=until + DAY)]
    assert not known(story, id_).waived and known(story, id_).due == until + DAY
    assert run_status(story.state) == "needs_attention"
    waiver = known(story, id_).waiver
    assert waiver is not None and waiver[0].compensating_control == "card is watched", "the card still shows it"
    assert story.refolded() == story.state


def test_a_run_does_not_complete_while_an_exception_is_waived() -> None:
    """Skipping the task's step closes the exception. Until then the run stays open, whatever else is done."""
    story, id_ = failed()
    waive(story, id_, 89 * DAY)
    story.later(88 * DAY)
    assert not story.state.finished and known(story, id_).open


def test_a_waived_exception_is_resolved_as_before() -> None:
    story, id_ = failed()
    waive(story, id_)
    story.retry("freeze")
    assert known(story, id_).disposition == "retried" and known(story, id_).closed is not None
    story.later(20 * DAY)
    assert not story.events(e.ExceptionReopened)


def test_where_access_can_stay_open_only_hr_waives() -> None:
    story, id_ = failed("disable")
    assert refused(waive, story, id_, DAY, OLE) == "role_missing"
    waive(story, id_, DAY, HR)
    assert known(story, id_).waived


def test_a_waiver_needs_a_reason_a_role_and_a_kind_that_can_wait() -> None:
    story, id_ = failed()
    assert refused(waive, story, id_, DAY, OLE, " ") == "reason_missing"
    story.knows(REPORT, ADA)
    for by, code in ((ANNA, "role_missing"), (ROBOT, "only_people"), (ADA, "own_run"), (REPORT, "reports_to_person")):
        assert refused(waive, story, id_, DAY, by) == code
    urgent = Story(urgent=True, at=None)
    urgent.work()
    review = urgent.exception("urgent_review")
    assert refused(waive, urgent, review, DAY, HR) == "own_review"
    assert refused(waive, urgent, review, DAY, SAM) == "role_missing"


def test_no_review_and_no_question_of_access_can_be_waived() -> None:
    assert {kind for kind, rule in RULES.items() if Repair.WAIVE in rule.repairs} == WAIVABLE


def test_an_exception_of_a_cancelled_run_is_not_waived_since_nothing_would_open_it_again() -> None:
    story, id_ = failed()
    story.end()
    assert refused(waive, story, id_, DAY, OLE) in ("run_finished", "exception_closed")


def test_what_a_second_person_confirms_is_not_snoozed_by_the_person_who_caused_it() -> None:
    story = at_cutoff()
    story.knows(OLE.model_copy(update={"roles": frozenset({"operator"})}))
    story.skip("disable")
    kept = story.exception("access_kept")
    assert refused(snooze, story, kept, HOUR, OLE) in ("second_person_needed", "role_missing")
    snooze(story, kept, HOUR, HR)
    assert known(story, kept).snoozed is not None
