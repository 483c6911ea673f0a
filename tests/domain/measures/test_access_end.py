"""When nothing can be reached any more: with the last step that cuts access, or the last token issued before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from orchestrator.domain.measures import outcomes
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.measures.exposure import Clock, exposure
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.book.projections import changes, run_rows
from orchestrator.ledger.book.records import AfterRecorded
from tests.domain.run_world import CATALOGUE, DONE, EVENING, HOUR, MINUTE, WORKFLOW, Story, account, at_cutoff, packet

LIFETIME = 90 * MINUTE


def access_gone_at(state: RunState) -> datetime | None:
    end = access_end(state)
    return end.gone_at if end is not None else None


def clock(story: Story) -> Clock:
    return exposure(story.state, story.world).whole


def lasting(monkeypatch: pytest.MonkeyPatch, **lifetimes: timedelta | None) -> None:
    """Abilities of the code host with these lifetimes of tokens."""
    changed: dict[str, Any] = {
        name: replace(CATALOGUE["forge"][name], tokens_last=last)  # type: ignore[type-var]
        for name, last in lifetimes.items()
    }
    monkeypatch.setattr("tests.domain.run_world.CATALOGUE", CATALOGUE | {"forge": CATALOGUE["forge"] | changed})


def with_lifetime(lifetime: str) -> Packet:
    return packet(
        platform=("    hosts: [code.example]\n", f"    hosts: [code.example]\n    token_lifetime: {lifetime}\n")
    )


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
    assert outcomes.systems_open(story.state) == ["code"] and access_gone_at(story.state) is None
    assert exposure(story.state, story.world).systems["code"].still_open
    story.later(MINUTE)
    story.attempt("disable")
    assert outcomes.systems_open(story.state) == [] and access_gone_at(story.state) == story.now
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
    assert outcomes.systems_open(story.state) == ["code"] and access_gone_at(story.state) is None
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


def test_tokens_outlast_a_deactivation_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, deactivate=LIFETIME)
    story = only_deactivates()
    story.attempt("disable")
    assert access_gone_at(story.state) == story.now + LIFETIME and clock(story).still_open


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


def test_access_is_open_until_the_last_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, disable=LIFETIME)
    story = at_cutoff()
    story.attempt("disable")
    disabled = story.now
    assert access_gone_at(story.state) is None, "sessions are still open"
    story.later(10 * MINUTE)
    story.attempt("sessions")
    assert access_gone_at(story.state) == disabled + LIFETIME
    now = clock(story)
    assert now.verified == story.now and now.proof == "verified", "the proof keeps its instant"
    assert now.tokens_until == disabled + LIFETIME and now.still_open
    assert now.open_for == story.now - EVENING
    story.later(HOUR)
    assert clock(story).still_open and clock(story).open_for == story.now - EVENING, "the clock goes on"
    assert not outcomes.exposed(story.state) and outcomes.systems_open(story.state) == [], "no step is missing"
    story.work()
    story.later(LIFETIME)
    done = clock(story)
    assert not done.still_open and done.open_for == disabled + LIFETIME - EVENING
    story.later(HOUR)
    assert clock(story) == done


def test_a_run_may_complete_before_the_last_token_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, disable=LIFETIME)
    story = at_cutoff(pinned=packet(workflow=(", at: cutoff+P1D,", ", at: cutoff,")))
    story.work()
    gone = story.state.finished_at
    assert gone is not None and clock(story).still_open
    story.later(HOUR)
    assert clock(story).open_for == story.now - EVENING, "the end of the run is not the end of access"
    story.later(LIFETIME)
    until = clock(story).tokens_until
    assert until is not None and until > gone
    assert clock(story).open_for == until - EVENING and not clock(story).still_open


def test_tokens_that_expired_before_the_last_step_add_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, disable=5 * MINUTE)
    story = at_cutoff()
    story.attempt("disable")
    story.later(10 * MINUTE)
    story.attempt("sessions")
    assert access_gone_at(story.state) == story.now == clock(story).verified
    assert clock(story).tokens_until is None and not clock(story).still_open


def test_a_lifetime_that_is_not_known_is_not_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, sessions=None)
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("sessions")
    end = access_end(story.state)
    assert end is not None and end.verified == story.now and end.unknown_on == ("code",)
    assert end.gone_at is None, "never counted as ended"
    assert clock(story).tokens_unknown and clock(story).verified == story.now
    assert run_rows(story.state)["runs", "r1"]["tokens_unknown_on"] == ["code"]
    frozen = story.state.plan.steps[story.id("sessions")].model_dump(mode="json")
    assert frozen["tokens_last"] == "unknown"


@pytest.mark.parametrize("declared", [None, LIFETIME])
def test_the_systems_setting_counts_before_the_default(
    declared: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasting(monkeypatch, disable=declared)
    steps = at_cutoff(pinned=with_lifetime("PT20M")).state.plan.steps.values()
    lasts = {step.name: step.tokens_last for step in steps}
    assert lasts["disable"] == 20 * MINUTE
    assert lasts["sessions"] == timedelta(0), "what leaves no tokens stays so"
    assert lasts["look"] == lasts["remove"] == timedelta(0), "they cut no access"


def test_the_lifetime_is_no_part_of_what_people_approve(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {step.name: step for step in Story().state.plan.steps.values()}
    assert not any("tokens_last" in step.model_dump() for step in before.values()), "stored as by earlier versions"
    lasting(monkeypatch, disable=LIFETIME)
    after = {step.name: step for step in Story().state.plan.steps.values()}
    assert {name: step.digest for name, step in after.items()} == {name: step.digest for name, step in before.items()}
    assert type(after["disable"]).model_validate_json(after["disable"].model_dump_json()) == after["disable"]


def test_the_row_of_a_step_that_ended_now_counts_from_the_recorded_instant(monkeypatch: pytest.MonkeyPatch) -> None:
    lasting(monkeypatch, sessions=LIFETIME)
    story = at_cutoff()
    story.attempt("disable")
    intent = story.begin("sessions")
    assert intent is not None
    before = story.state
    story.finish(intent, DONE)
    [row] = [write for write in changes(before, story.state, story.now) if write.table == "runs"]
    assert row.values is not None and row.values["access_gone_at"] == AfterRecorded(LIFETIME)
    assert run_rows(story.state)["runs", "r1"]["access_gone_at"] == story.now + LIFETIME


def test_a_task_for_shared_secrets_counts_as_access() -> None:
    secret = packet(
        workflow=(
            "  - {name: disable,",
            "  - name: rotate\n    title: Change shared passwords\n    at: cutoff\n"
            "    task: {role: operator, instruction: Change them., cuts_access: true}\n  - {name: disable,",
        )
    )
    story = at_cutoff(pinned=secret)
    story.attempt("disable")
    story.attempt("sessions")
    assert access_gone_at(story.state) is None and outcomes.systems_open(story.state) == ["rotate"]
    assert list(exposure(story.state, story.world).systems) == ["rotate", "code"]
    story.later(HOUR)
    story.complete("rotate")
    assert access_gone_at(story.state) == story.now and clock(story).proof == "attested"
    skipped = at_cutoff(pinned=secret)
    skipped.skip("rotate")
    assert ("access_kept", "rotate") in skipped.exceptions(), "who leaves it out keeps access open"
