"""Accounts that one person selects: what is left out is confirmed by HR, and no one removes access alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.commands.kept_access import left_out
from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.matching import FoundAccount
from tests.domain.run_world import (
    ANNA,
    CATALOGUE,
    DAY,
    EVENING,
    HOUR,
    HR,
    OLE,
    SAM,
    Story,
    account,
    actor,
    packet,
)

MINE, TWIN = account("code"), account("code", "twin")
OTHERS = account("code", "others", number="E-9")
BOTH_ROLES = actor("olga", "operator", "requester")


def asked(*found: FoundAccount, **more: object) -> Story:
    """A run with a question about the accounts on `code`; an urgent one has its cutoff now."""
    story = Story(ready=False, **({"at": None} if more.get("urgent") else {}), **more)  # type: ignore[arg-type]
    story.finds["code"] = list(found)
    story.later(timedelta(seconds=1))
    story.search()
    return story


def kept(story: Story) -> list[e.ExceptionOpened]:
    return [x.opened for x in story.state.work.open_exceptions() if x.opened.kind == "access_kept"]


# What is left out


def test_hr_confirms_accounts_that_a_selection_leaves_out() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada")
    [opened] = kept(story)
    assert (opened.system, opened.step_id, opened.owners) == ("code", None, ("requester", "value_owner"))
    assert left_out(story.state, "code", ("a-code-ada",), story.world.pinned) == ("a-code-twin",)
    assert story.planned("disable").account_id == "a-code-ada", "the selection takes effect"
    with pytest.raises(NotAllowed, match="role_missing"):
        story.accept(opened.exception_id, by=OLE)
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING)
    assert "disable" in story.work(), "a second person approved the removal at its gate"
    story.later(2 * DAY)
    story.search()
    story.work()
    assert not story.state.finished, "the run does not complete without HR"
    story.accept(opened.exception_id, by=HR)
    assert story.state.finish == "clean" and story.refolded() == story.state


def test_what_covers_every_candidate_is_confirmed_by_the_approver_alone() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada", "a-code-twin")
    assert story.exceptions() == []


def test_an_account_with_another_persons_number_is_confirmed_by_hr() -> None:
    email = packet(
        platform=(
            "      - {key: name, attribute: name",
            "      - {key: email, attribute: mail}\n      - {key: name, attribute: name",
        )
    )
    story = Story(email, ready=False)
    person = story.state.asked.facts or {}
    story.state = replace(
        story.state, request=story.state.asked.model_copy(update={"facts": person | {"email": "ada@x"}})
    )
    mailed = OTHERS.model_copy(update={"attributes": OTHERS.attributes | {"mail": "ada@x"}})
    story.append(
        [
            e.AccountsSearched(
                results=(
                    e.SystemSearched(
                        system="code",
                        purpose="plan",
                        outcome="ambiguous",
                        candidates=("a-code-others",),
                        matched_on="email",
                        code="employee_number",
                    ),
                ),
                details={"a-code-others": mailed.model_dump(mode="json")},
            )
        ]
    )
    story.settle("code", "a-code-others")
    assert [opened.system for opened in kept(story)] == ["code"]


@pytest.mark.parametrize(
    ("found", "chosen", "opens"),
    [
        ((OTHERS,), ("others",), True),
        ((account("code", "free", number=""),), ("free",), False),
        ((account("code", "free", number=""), account("code", "more", number="")), ("free",), False),
        ((account("code", "low", number="e-1"),), ("low",), False),
        ((account("code", "low", number="e-1"), account("code", "free", number="")), ("free",), True),
    ],
    ids=["another_number", "a_name_alone", "another_name_left_out", "the_number_in_another_case", "that_left_out"],
)
def test_a_possible_match_on_a_weak_key(found: tuple[FoundAccount, ...], chosen: tuple[str, ...], opens: bool) -> None:
    story = asked(*found)
    assert story.exceptions() == [("weak_match", "code")]
    story.settle("code", *(f"a-code-{name}" for name in chosen))
    assert bool(kept(story)) is opens


def test_another_answer_is_given_until_hr_confirms() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada")
    [first] = kept(story)
    with pytest.raises(TooLate, match="nothing_to_settle"):
        story.settle("code", "a-code-ada")
    story.settle("code", "a-code-twin")
    [second] = kept(story)
    assert first.exception_id != second.exception_id and story.planned("disable").account_id == "a-code-twin"
    story.settle("code")
    assert len(kept(story)) == 1 and story.state.accounts.of("code") == ()
    story.settle("code", "a-code-ada", by=HR)
    assert story.exceptions() == [], "HR answered"
    with pytest.raises(TooLate, match="nothing_to_settle"):
        story.settle("code", "a-code-twin")
    assert story.refolded() == story.state


def test_another_answer_does_not_confirm_a_skipped_step() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada")
    disable = story.id("disable")
    story.skip(disable)
    assert [opened.step_id for opened in kept(story)] == [None, disable]
    story.settle("code", "a-code-ada", "a-code-twin")
    assert story.state.work.steps[disable].status == "skipped"
    assert [opened.step_id for opened in kept(story)] == [disable], "HR still confirms the skipped step"
    story.retry(disable, by=HR)
    assert kept(story) == [] and story.refolded() == story.state


def test_other_accounts_on_the_system_void_the_answer_and_its_exception() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada")
    story.later(timedelta(minutes=1))
    story.replan()
    story.search()
    assert len(kept(story)) == 1, "the same accounts were found again"
    story.finds["code"] = [MINE]
    story.later(timedelta(minutes=1))
    story.replan()
    story.search()
    assert story.exceptions() == [] and story.state.accounts.of("code") == ("a-code-ada",)


def test_a_dry_run_and_a_system_without_access_ask_no_one() -> None:
    dry = asked(MINE, TWIN, phase="shadow")
    dry.settle("code", "a-code-ada")
    cards = Story(ready=False)
    cards.finds["cards"] = [account("cards"), account("cards", "twin")]
    cards.search()
    cards.settle("cards", "a-cards-ada")
    assert dry.exceptions() == [] and cards.exceptions() == []


def test_the_person_who_selected_never_confirms() -> None:
    by, other = actor("kim", "operator"), actor("kim2", "requester", human="h-kim")
    story = asked(MINE, TWIN)
    story.knows(by, other)
    story.settle("code", "a-code-ada", by=by)
    with pytest.raises(NotAllowed, match="second_person_needed"):
        story.accept(kept(story)[0].exception_id, by=other)
    assert not Permissions(story.state, story.world, other).accept(kept(story)[0].exception_id).allowed


@pytest.mark.parametrize("chosen", [(), ("ada", "twin")], ids=["none", "all"])
def test_a_process_without_the_connector_asks_hr_as_well(chosen: tuple[str, ...]) -> None:
    """Such as a web process where the package of a connector is not installed, beside workers that have it."""
    story = asked(MINE, TWIN, urgent=True)
    story.world = replace(story.world, abilities={kind: can for kind, can in CATALOGUE.items() if kind != "forge"})
    story.settle("code", *(f"a-code-{name}" for name in chosen))
    [opened] = kept(story)
    story.world = replace(story.world, abilities=CATALOGUE)
    story.append([])
    assert not {"disable", "sessions"}.intersection(story.work())
    story.accept(opened.exception_id, by=HR)
    assert bool(chosen) is ("disable" in story.work())


# What is removed before a decision


@pytest.mark.parametrize("by", [OLE, BOTH_ROLES], ids=["operator", "operator_of_hr"])
@pytest.mark.parametrize("chosen", [("ada",), ("ada", "twin")], ids=["one", "all"])
def test_an_urgent_run_removes_nothing_that_one_person_selected(by: Actor, chosen: tuple[str, ...]) -> None:
    story = asked(MINE, TWIN, urgent=True)
    story.knows(BOTH_ROLES)
    story.settle("code", *(f"a-code-{name}" for name in chosen), by=by)
    [opened] = kept(story)
    assert opened.due == story.now + DAY
    done = story.work()
    assert set(done) == {"look"}, done
    disables = [id_ for id_, planned in story.state.plan.steps.items() if planned.name == "disable"]
    assert [story.readiness(id_).waits_for for id_ in disables] == ["gate"] * len(chosen)
    story.later(HOUR)
    story.accept(opened.exception_id, by=HR)
    assert "not_carried_out" not in [kind for kind, _ in story.exceptions()], "it was not late"
    assert story.open_gates() and "disable" not in story.asked_at(story.open_gates()[0])
    assert set(story.work()) == {"disable", "sessions"}
    assert story.refolded() == story.state


def test_in_an_urgent_run_the_gates_role_is_a_second_person_too() -> None:
    story = asked(MINE, TWIN, urgent=True)
    story.settle("code", "a-code-ada")
    story.work()
    [gate] = [id_ for id_ in story.open_gates() if "disable" in story.asked_at(id_)]
    story.vote(gate, ANNA)
    story.complete("hand_over")
    assert story.work()[:2] == ["disable", "sessions"]
    assert len(kept(story)) == 1, "HR still confirms what was left out"


def test_other_systems_do_not_wait_for_the_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    freeze = replace(CATALOGUE["bank"]["freeze"], cuts_access=True)  # type: ignore[type-var]
    monkeypatch.setattr(
        "tests.domain.run_world.CATALOGUE", CATALOGUE | {"bank": CATALOGUE["bank"] | {"freeze": freeze}}
    )
    story = asked(
        MINE, TWIN, pinned=packet(platform=("systems: [code], up_to", "systems: [code, cards], up_to")), urgent=True
    )
    story.settle("code", "a-code-ada")
    assert "disable" in story.planned("freeze").needs
    assert set(story.work()) == {"look", "freeze"} and story.step("disable").status == "planned"


def test_a_weak_match_is_not_removed_by_one_person_in_an_urgent_run_either() -> None:
    story = asked(account("code", "free", number=""), urgent=True)
    story.settle("code", "a-code-free")
    assert len(kept(story)) == 1 and story.work() == ["look"]
    story.accept(kept(story)[0].exception_id, by=HR)
    assert "disable" in story.work()


@pytest.mark.parametrize("needed_when", [False, True], ids=["no_gate", "no_gate_for_this_step"])
def test_a_step_without_a_gate_waits_for_a_second_person(needed_when: bool) -> None:
    if needed_when:
        open_packet = packet(approvals=("{title: Access,", "{title: Access, needed_when: 'step.name == \"remove\"',"))
    else:
        open_packet = packet(workflow=("needs: [look], at: cutoff, gate: access}", "needs: [look], at: cutoff}"))
    story = Story(open_packet, ready=False)
    story.finds["code"] = [MINE, TWIN]
    story.search()
    story.settle("code", "a-code-ada", "a-code-twin")
    [opened] = kept(story)
    story.at(EVENING)
    assert set(story.work()) == {"look"} and story.planned("disable").gate is None
    where = story.readiness("disable")
    assert (where.kind, where.waits_for) == ("stopped", "exception")
    story.accept(opened.exception_id, by=HR)
    story.later(timedelta(minutes=1))
    story.search()
    assert "disable" in story.work()


def test_a_deactivation_without_a_gate_waits_although_the_suspension_has_one() -> None:
    gated = "ability: remove, needs: [sessions, hand_over], at: cutoff+P1D,\n     gate: access}"
    story = asked(MINE, TWIN, pinned=packet(workflow=(gated, "ability: deactivate, needs: [look], at: cutoff}")))
    story.settle("code", "a-code-ada", "a-code-twin")
    [opened] = kept(story)
    story.at(EVENING)
    story.search()
    assert set(story.work()) == {"look"}
    story.accept(opened.exception_id, by=HR)
    assert "remove" in story.work()


def test_owners_of_the_packet_confirm_where_hr_selected() -> None:
    story = asked(MINE, TWIN, urgent=True)
    story.without_role("hr", "requester")
    story.knows(BOTH_ROLES)
    story.settle("code", "a-code-ada", by=BOTH_ROLES)
    [opened] = kept(story)
    assert opened.owners == ("requester", "value_owner", "safety_owner", "operator")
    story.accept(opened.exception_id, by=SAM)
    assert kept(story) == []
