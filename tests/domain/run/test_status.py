"""Where a run stands, in a word and in the instant from which nothing could be reached any more."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.domain.measures.exposure import exposure
from orchestrator.domain.measures.outcomes import systems_open
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.status import access_gone_at
from tests.domain.run_world import EVENING, HOUR, MINUTE, WORKFLOW, Story, account, at_cutoff, packet


def test_access_is_gone_with_the_last_step_that_cuts_it() -> None:
    story = at_cutoff()
    assert access_gone_at(story.state) is None
    story.attempt("disable")
    assert access_gone_at(story.state) is None, "sessions are still open"
    story.later(12 * MINUTE)
    story.attempt("sessions")
    assert access_gone_at(story.state) == story.now
    assert timedelta(minutes=12) <= story.now - EVENING < timedelta(minutes=13)
    gone = story.now
    story.later(MINUTE)
    story.work()
    assert access_gone_at(story.state) == gone, "what comes later cuts nothing"


def only_deactivates() -> Story:
    """At the cutoff, of a packet that suspends nothing: deactivating the account is what removes access."""
    chunk = WORKFLOW[WORKFLOW.index("  - {name: disable") :]
    lines = [line for line in chunk.splitlines(keepends=True) if "name: sessions" not in line]
    changed = "".join(lines).replace("ability: disable", "ability: deactivate").replace("[sessions,", "[disable,")
    return at_cutoff(pinned=packet(workflow=(chunk, changed)))


def planned(story: Story, name: str) -> PlannedStep:
    return next(step for step in story.state.plan.steps.values() if step.name == name)


def test_an_account_that_is_only_deactivated_counts_as_access() -> None:
    story = only_deactivates()
    deactivation = planned(story, "disable")
    assert (deactivation.cuts_access, deactivation.removes_access) == (False, True)
    assert systems_open(story.state) == ["code"] and access_gone_at(story.state) is None
    assert exposure(story.state, story.world).systems["code"].still_open
    story.later(MINUTE)
    story.attempt("disable")
    assert systems_open(story.state) == [] and access_gone_at(story.state) == story.now
    assert exposure(story.state, story.world).systems["code"].proof == "verified"


def test_where_a_step_cuts_access_a_later_deactivation_is_no_removal() -> None:
    assert not planned(at_cutoff(), "remove").removes_access


def suspends_only_privileged(found: FoundAccount) -> Story:
    """A packet whose steps that cut access have a condition; the account is deactivated in any case."""
    chunk = WORKFLOW[WORKFLOW.index("  - {name: disable") :]
    lines = [line for line in chunk.splitlines(keepends=True) if "name: sessions" not in line]
    changed = "".join(lines).replace("ability: disable,", "ability: disable, when: account.privileged,")
    changed = changed.replace("ability: remove,", "ability: deactivate,").replace("[sessions,", "[disable,")
    story = Story(packet(workflow=(chunk, changed)), ready=False)
    story.finds["code"] = [found]
    story.search()
    return story


def test_an_account_that_a_condition_keeps_from_suspension_is_removed_by_its_deactivation() -> None:
    story = suspends_only_privileged(account("code"))
    assert planned(story, "remove").removes_access
    assert systems_open(story.state) == ["code"] and access_gone_at(story.state) is None
    story.skip("remove")
    assert ("access_kept", "remove") in story.exceptions(), "HR confirms that the account stays"
    privileged = suspends_only_privileged(account("code").model_copy(update={"privileged": True}))
    assert not planned(privileged, "remove").removes_access
    inactive = suspends_only_privileged(account("code").model_copy(update={"active": False}))
    assert not planned(inactive, "remove").removes_access, "there was no access to remove"


def test_a_paused_system_is_reported_where_the_account_is_only_deactivated() -> None:
    story = only_deactivates()
    story.on_hold("code")
    story.later(2 * HOUR)
    assert [known.opened.system for known in story.state.work.open_exceptions()] == ["code"]
    assert story.exception("pause_unconfirmed")


def test_a_deactivation_waits_for_its_approval_in_an_urgent_run() -> None:
    story = Story(only_deactivates().world.pinned, urgent=True)
    assert not story.state.goes_before_gates(planned(story, "disable"))


def test_access_that_was_left_open_is_not_gone() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.skip("sessions")
    story.work()
    assert access_gone_at(story.state) is None


def test_nothing_to_cut_has_no_instant() -> None:
    pinned = packet(platform=("    hosts: [code.example]\n", "    hosts: [code.example]\n    expected: false\n"))
    story = Story(pinned, ready=False)
    story.finds["code"] = []
    story.search()
    assert access_gone_at(story.state) is None


def test_accounts_in_question_may_still_be_open() -> None:
    story = Story(ready=False)
    story.finds["code"] = [account("code", "one"), account("code", "two")]
    story.search()
    assert access_gone_at(story.state) is None
