"""A packet version in use that covers further systems: an open run keeps its plan until a person re-plans it under that
version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import extending
from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.class_steps import expanded
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.uncovered import further_steps, uncovered_systems
from tests.domain.run_world import (
    ANNA,
    APPROVALS,
    CATALOGUE,
    DAY,
    EVENING,
    HOUR,
    HR,
    MINUTE,
    NOT_YET,
    OLE,
    PLATFORM,
    WORKFLOW,
    Story,
    account,
    packet,
)

CHAT = """  chat:
    title: Chat
    connector: forge
    connection: {url: "https://chat.example", token: env:CHAT_TOKEN}
    hosts: [chat.example]
    expected: false
    match:
      - {key: employee_number, attribute: number}
levels:
  - {who: requester, systems: [chat], up_to: change}
"""
STEP = "  - {name: mute, title: Mute, system: chat, ability: disable, at: cutoff, gate: access}\n"


def version(
    *replaced: tuple[str, str], steps: str = STEP, platform: str = PLATFORM, approvals: str = APPROVALS
) -> Packet:
    """The packet with the system `chat`, and texts of its workflow replaced."""
    workflow = WORKFLOW
    for old, new in replaced:
        assert old in workflow
        workflow = workflow.replace(old, new, 1)
    files = {
        "workflow.yaml": workflow + steps,
        "platform.yaml": platform.replace("levels:\n", CHAT, 1),
        "approvals.yaml": approvals,
    }
    return parse_packet({name: text.encode() for name, text in files.items()})


def extend(story: Story, current: Packet | None = None, by: Actor = OLE) -> list[Event]:
    named = (current or story.world.current).version
    happened = story.append(extending.extend(story.state, named, "why", by, story.world))
    story.world = replace(story.world, pinned=story.world.current)
    return happened + story.append([])


def conflicting(story: Story) -> str:
    """What keeps the run from taking the version."""
    with pytest.raises(TooLate) as refused:
        extend(story)
    assert refused.value.code == "version_conflicts"
    return refused.value.message.rpartition(": ")[2].rstrip(".")


def uncovered(story: Story) -> list[str]:
    return [system for kind, system in story.exceptions() if kind == extending.KIND]


def planned(story: Story) -> set[str]:
    return {step.name for step in story.state.plan.steps.values()}


def with_chat(story: Story, found: Sequence[object] | None = None) -> Story:
    story.finds["chat"] = [account("chat")] if found is None else list(found)  # type: ignore[arg-type]
    return story


def test_an_open_run_gets_an_exception_and_its_plan_does_not_grow() -> None:
    story = with_chat(Story())
    story.approve_all()
    before = story.state.plan
    story.today(version())
    assert story.exceptions() == [("system_not_covered", "chat")]
    assert story.state.plan == before and story.progress.search == ()
    story.replan()
    story.later(MINUTE)
    story.search()
    assert "mute" not in planned(story), "a re-plan keeps the version"
    assert uncovered(story) == ["chat"]


def test_a_re_plan_under_the_version_asks_about_the_new_steps_only() -> None:
    story = with_chat(Story())
    story.approve_all()
    approved = dict(story.state.decisions.approved)
    story.today(version())
    happened = extend(story)
    assert [event.disposition for event in happened if isinstance(event, e.ExceptionClosed)] == ["replanned"]
    assert story.progress.search == ("chat",), "the systems of the plan are not searched again"
    story.later(MINUTE)
    assert story.exceptions() == []
    story.search()
    assert "mute" in planned(story) and not story.state.plan.open_steps
    assert dict(story.state.decisions.approved) == approved
    [gate] = story.open_gates()
    assert story.asked_at(gate) == {"mute"}
    story.at(EVENING)
    assert "mute" not in story.work() and story.readiness("mute").waits_for == "gate"
    story.approve_all()
    assert story.work() == ["mute"]
    assert story.state.packet_version == version().version and story.refolded() == story.state


def test_what_is_approved_does_not_wait_for_a_system_that_does_not_answer() -> None:
    story = with_chat(Story())
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING - MINUTE)
    story.today(version())
    extend(story)
    story.finds["chat"] = None
    story.at(EVENING)
    assert {"disable", "sessions", "freeze"} <= set(story.work())
    assert story.state.plan.open_steps == {"mute"} and not story.state.finished
    story.later(2 * HOUR)
    assert ("search_failed", "chat") in story.exceptions()


def test_what_is_approved_does_not_wait_for_a_system_that_no_worker_searches() -> None:
    """Two further systems: the answer of one makes a plan, although the other was never searched."""
    platform = PLATFORM.replace("levels:\n", CHAT.replace("chat", "wiki").replace("Chat", "Wiki"), 1)
    wiki = STEP.replace("mute", "lock").replace("chat", "wiki")
    story = with_chat(Story())
    story.approve_all()
    story.today(version(steps=STEP + wiki, platform=platform))
    assert uncovered(story) == ["chat", "wiki"]
    extend(story)
    result = e.SystemSearched(
        system="chat", purpose="plan", outcome="matched", accounts=("a-chat-ada",), candidates=("a-chat-ada",)
    )
    shown = {"a-chat-ada": account("chat").model_dump(mode="json")}
    story.append([e.AccountsSearched(results=(result,), details=shown)])
    assert "mute" in planned(story) and story.state.plan.open_steps == {"lock"} and not story.state.plan.stale
    assert ("search_failed", "wiki") not in story.exceptions()
    story.later(DAY // 2)
    assert ("search_failed", "wiki") in story.exceptions(), "not searched for an hour"


def test_a_system_without_an_account_of_the_person_leaves_the_plan_as_it_is() -> None:
    story = with_chat(Story(), [])
    story.today(version())
    extend(story)
    story.later(MINUTE)
    story.search()
    assert "mute" not in planned(story) and not story.state.plan.open_steps


def test_an_urgent_run_asks_about_the_new_steps() -> None:
    """Its review can be over, so that they do not run before approval."""
    story = with_chat(Story(urgent=True, at=None))
    story.work()
    story.accept(story.exception("urgent_review"), by=story.world.actors["sam"])
    story.today(version())
    extend(story)
    story.later(MINUTE)
    story.search()
    assert "mute" not in story.work() and story.readiness("mute").waits_for == "gate"


def urgent_and_reviewed(pinned: Packet | None = None) -> Story:
    story = with_chat(Story(pinned, urgent=True, at=None))
    story.work()
    story.accept(story.exception("urgent_review"), by=story.world.actors["sam"])
    return story


@pytest.mark.parametrize(
    "moved",
    [
        ("title: Sessions, system: code", "title: Sessions, system: chat"),
        ("system: cards, ability: freeze", "system: chat, ability: disable"),
    ],
)
def test_an_urgent_run_asks_about_a_step_of_a_known_name_on_a_further_system(moved: tuple[str, str]) -> None:
    story = urgent_and_reviewed()
    story.today(version(moved, steps=""))
    assert uncovered(story) == ["chat"]
    extend(story)
    story.later(MINUTE)
    story.search()
    [step] = [step for step in story.state.plan.steps.values() if step.system == "chat"]
    assert step.name not in story.work() and not story.state.goes_before_gates(step)
    assert story.refolded() == story.state
    story.approve_all()
    assert step.name in story.work()


def test_an_urgent_run_asks_about_a_known_step_with_another_ability() -> None:
    story = urgent_and_reviewed(packet(workflow=("ability: sessions", "ability: rename")))
    story.today(version())
    extend(story)
    story.later(MINUTE)
    story.search()
    [step] = [step for step in story.state.plan.steps.values() if step.ability == "sessions"]
    assert not story.state.goes_before_gates(step)
    assert step.name not in story.work()
    assert step.name in set().union(*map(story.asked_at, story.open_gates()))


def test_a_step_that_goes_on_keeps_no_new_gate() -> None:
    """It was begun before the version, on the system that it was planned for."""
    story = with_chat(Story(urgent=True, at=None))
    story.search()
    story.attempt(story.id("look"))
    story.later(MINUTE)
    story.search()
    story.attempt(story.id("disable"))
    story.attempt(story.id("sessions"), NOT_YET)
    story.today(version(("title: Sessions, system: code", "title: Sessions, system: chat"), steps=""))
    extend(story)
    story.later(HOUR)
    story.search()
    first = next(step for step in story.state.plan.steps.values() if (step.name, step.system) == ("sessions", "code"))
    assert story.state.goes_before_gates(first) and story.readiness_by_step()[first.step_id].kind == "ready"


def test_an_accepted_system_is_not_reported_again_and_a_withdrawn_version_closes_it() -> None:
    story = with_chat(Story())
    own = story.world.pinned
    story.today(version())
    story.today(own)
    assert uncovered(story) == []
    story.today(version())
    assert story.exception("system_not_covered") == "x-system_not_covered-chat-2"
    story.accept(story.exception("system_not_covered"), by=HR)
    story.later(DAY)
    story.today(version(("title: Look", "title: Look up")))
    assert uncovered(story) == []
    assert extend(story), "it can still be covered"


def test_a_dry_run_gets_no_exception() -> None:
    story = with_chat(Story(phase="shadow"))
    story.today(version())
    assert story.exceptions() == []
    with pytest.raises(TooLate) as refused:
        extend(story)
    assert refused.value.code == "version_not_offered"


def test_who_can_re_plan_under_the_version() -> None:
    story = with_chat(Story())
    story.today(version())
    with pytest.raises(NotAllowed):
        extend(story, by=ANNA)
    with pytest.raises(NotAllowed):
        extend(story, by=story.world.actors["robot"])
    assert extend(story, by=HR), "an owner of the exception"


def test_only_the_version_in_use_is_taken() -> None:
    story = with_chat(Story())
    for current in (story.world.pinned, version()):
        with pytest.raises(TooLate) as refused:
            extend(story, current)
        assert refused.value.code == "version_not_offered"
    story.today(version())
    with pytest.raises(TooLate):
        extend(story, packet(workflow=("title: Look", "title: Find")))


@pytest.mark.parametrize("changed", [("title: Disable", "title: Switch off"), (", at: cutoff, gate: access}", "}")])
def test_an_approved_removal_that_the_version_changes_is_not_asked_about_again(changed: tuple[str, str]) -> None:
    story = with_chat(Story())
    story.approve_all()
    story.today(version(changed))
    assert uncovered(story) == ["chat"]
    assert conflicting(story) == "disable"


def test_a_changed_step_that_is_not_decided_is_asked_about_as_the_version_has_it() -> None:
    story = with_chat(Story())
    story.today(version(("title: Disable", "title: Switch off")))
    extend(story)
    story.later(MINUTE)
    story.search()
    assert story.planned("disable").title == "Switch off"
    assert any("disable" in story.asked_at(gate) for gate in story.open_gates())


def test_a_rejected_step_stays_rejected_and_is_no_other_step_under_the_version() -> None:
    story = with_chat(Story())
    gate = next(gate for gate in story.open_gates() if "remove" in story.asked_at(gate))
    story.vote(gate, ANNA, excluded=["remove"])
    story.today(version(("title: Remove", "title: Delete")))
    assert conflicting(story) == "remove"
    story.today(version())
    extend(story)
    story.later(MINUTE)
    story.search()
    assert ("excluded_from_approval", "remove") in story.exceptions()
    assert all("remove" not in story.asked_at(gate) for gate in story.open_gates())


def test_a_version_without_a_gate_or_with_another_connector_is_not_taken() -> None:
    story = with_chat(Story())
    money = "  money: {title: Money, decided_by: [approver], quorum: 2, decide_within: P2D, valid_for: P7D}\n"
    assert money in APPROVALS
    one_gate = version(
        ("gate: money", "gate: access"), ("gate: money", "gate: access"), approvals=APPROVALS.replace(money, "")
    )
    story.today(one_gate)
    assert conflicting(story) == "money"
    story.today(version(platform=PLATFORM.replace("connector: bank", "connector: bank@offboard-bank==1.0")))
    assert conflicting(story) == "cards"


def test_a_system_that_a_step_for_a_class_has_since() -> None:
    """`wiki` has a step of its own already; the step for the class has it since a later adoption."""
    every = "  - {name: mute, title: Mute, every: chat, ability: disable, at: cutoff, gate: access}\n"
    look = "  - {name: read, title: Read, system: chat, ability: snapshot}\n"
    written = version(steps=look + every, platform=PLATFORM.replace("levels:\n", "levels:\n", 1))
    before = expanded(written, CATALOGUE, {})
    after = expanded(written, CATALOGUE, {"forge": "chat"})
    assert before.version != after.version
    assert uncovered_systems(before, before) == ()
    assert uncovered_systems(before, after) == ("code", "chat")
    assert further_steps(before, after) == {"mute-code": "code", "mute-chat": "chat"}
