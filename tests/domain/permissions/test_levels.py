"""Who may go how far: one rule for people, services and assistants."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet import HrSpec, LevelRule, Platform
from orchestrator.domain.permissions.grants import highest_level, require_level
from orchestrator.domain.permissions.levels import Actor, Level


def platform(*rules: dict[str, Any]) -> Platform:
    levels = tuple(LevelRule.model_validate(rule) for rule in rules)
    return Platform(safety_owner="safety_owner", systems={}, levels=levels, hr=HrSpec(system="hr"))


def actor(*roles: str, kind: Any = "person") -> Actor:
    return Actor(actor_id="a-1", kind=kind, roles=frozenset(roles), human="h-1" if kind == "person" else None)


def highest(rules: Platform, who: Actor, system: str = "code", workflow: str = "leaver") -> Level | None:
    return highest_level(rules, rules, who, system, workflow)


def test_levels_are_ordered() -> None:
    assert sorted(["stage", "read", "change", "prepare"], key=lambda name: Level(name).rank) == list(Level)
    for lower, higher in pairwise(Level):
        assert lower < higher and higher > lower and lower <= lower and higher >= lower
        assert not higher < lower
    assert Level("change") >= Level.STAGE


def test_what_is_not_granted_is_not_allowed() -> None:
    assert highest(platform(), actor("operator")) is None
    assert highest(platform({"who": "operator", "up_to": "change"}), actor("auditor")) is None


def test_the_furthest_of_several_grants_holds() -> None:
    rules = platform({"who": "operator", "up_to": "read"}, {"who": "it", "up_to": "change"})
    assert highest(rules, actor("operator", "it")) is Level.CHANGE


def test_grants_are_for_systems_and_workflows() -> None:
    rules = platform({"who": "it", "systems": ["code"], "workflows": ["leaver"], "up_to": "change"})
    assert highest(rules, actor("it")) is Level.CHANGE
    assert highest(rules, actor("it"), system="hr") is None
    assert highest(rules, actor("it"), workflow="mover") is None


@pytest.mark.parametrize(
    ("pinned", "current", "expected"),
    [("change", "read", "read"), ("read", "change", "read"), ("change", "change", "change"), (None, "change", None)],
)
def test_the_stricter_of_the_runs_file_and_todays_holds(pinned: str | None, current: str, expected: str | None) -> None:
    then = platform(*([{"who": "it", "up_to": pinned}] if pinned else []))
    today = platform({"who": "it", "up_to": current})
    assert highest_level(then, today, actor("it"), "code", "leaver") == expected


@pytest.mark.parametrize("who", ["*", "operator"])
def test_grants_to_people_never_cover_an_assistant_or_a_service(who: str) -> None:
    rules = platform({"who": who, "up_to": "change"})
    assert highest(rules, actor("operator")) is Level.CHANGE
    assert highest(rules, actor("operator", kind="assistant")) is None
    assert highest(rules, actor("operator", kind="service")) is None


def test_an_assistant_has_what_is_granted_to_assistants() -> None:
    rules = platform({"who": "*", "kind": "assistant", "up_to": "prepare"})
    assert highest(rules, actor("any", kind="assistant")) is Level.PREPARE
    assert highest(rules, actor("any")) is None


def test_the_refusal_names_everything_one_needs_to_get_it_changed() -> None:
    rules = platform({"who": "operator", "up_to": "read"})
    with pytest.raises(NotAllowed) as refused:
        require_level(rules, rules, actor("operator"), "code", "leaver", Level.CHANGE)
    assert refused.value.code == "level_not_granted"
    for word in ("operator", "'code'", "'leaver'", "'read'", "'change'"):
        assert word in refused.value.message
    assert refused.value.facts["owner"] == "safety_owner"
    require_level(rules, rules, actor("operator"), "code", "leaver", Level.READ)


def test_an_assistants_refusal_says_what_a_grant_would_look_like() -> None:
    with pytest.raises(NotAllowed) as refused:
        require_level(platform(), platform(), actor(kind="assistant"), "code", "leaver", Level.READ)
    assert "kind: assistant" in str(refused.value.facts["condition"])
