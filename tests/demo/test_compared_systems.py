"""The demo's last check: what is left of the leavers' access, and what others have more or less than before."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any, cast

from orchestrator.demo.board import Leaver
from orchestrator.demo.comparison import compare, comparison_lines, comparison_shortcomings

BEFORE = {
    "E-1": {"Okta": {"accounts": ["ann"], "sessions": ["s1", "s2"]}, "Slack": {"accounts": ["ann"]}},
    "E-2": {"Okta": {"accounts": ["bo"], "sessions": ["s3"]}, "Slack": {"accounts": []}},
}


def leaver(status: str = "verified") -> Leaver:
    """Ann, whose one step at Okta has this status."""
    systems = {"identity": SimpleNamespace(title="Okta"), "chat": SimpleNamespace(title="Slack")}
    step = SimpleNamespace(step_id="1", system="identity")
    state = SimpleNamespace(
        plan=SimpleNamespace(steps={"1": step}), work=SimpleNamespace(steps={"1": SimpleNamespace(status=status)})
    )
    world = SimpleNamespace(pinned=SimpleNamespace(platform=SimpleNamespace(systems=systems)))
    return Leaver("Ann", "E-1", 2, "run", cast("Any", state), cast("Any", world))


def lines(after: Any, of: Leaver) -> tuple[str, list[str]]:
    found = compare(BEFORE, after, [of])
    return "\n".join(line.plain for line in comparison_lines(found, [of])), [*comparison_shortcomings(found, [of])]


def test_nothing_is_left_and_others_are_as_before() -> None:
    after = {**BEFORE, "E-1": {"Okta": {"accounts": [], "sessions": []}, "Slack": {"accounts": []}}}
    said, wrong = lines(after, leaver())
    assert "Okta: the leavers had 1 account, 2 sessions; nothing of it is left" in said
    assert "The other 1 people have exactly what they had before at Okta, Slack." in said
    assert wrong == []


def test_what_is_left_is_wrong_only_where_every_step_is_done() -> None:
    after = {**BEFORE, "E-1": {"Okta": {"accounts": [], "sessions": ["s2"]}, "Slack": {"accounts": ["ann"]}}}
    said, wrong = lines(after, leaver())
    assert "Okta: the leavers had 1 account, 2 sessions; some of it is left" in said
    assert "Ann still has at Okta: 1 session." in said and "Ann still has at Slack: 1 account." in said
    assert wrong == ["Ann: Okta still has 1 session"]
    assert lines(after, leaver("skipped"))[1] == []


def test_others_who_lost_or_got_something_are_named() -> None:
    after = copy.deepcopy(BEFORE)
    after["E-1"] = {"Okta": {"accounts": [], "sessions": []}, "Slack": {"accounts": []}}
    after["E-2"]["Okta"]["sessions"] = []
    said, wrong = lines(after, leaver())
    assert "exactly what they had" not in said
    assert wrong == ["E-2: has other access than before the runs, and does not leave"]
