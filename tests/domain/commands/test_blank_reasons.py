"""A reason and a note of characters that no one sees are none, wherever one is required."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.domain.approvals import naming
from orchestrator.domain.commands import exception_commands, legal_holding, operating, requests
from orchestrator.domain.errors import Refusal
from orchestrator.domain.invisible import is_blank
from tests.domain.run_world import DAY, HR, LEA, OLE, PERSON_ID, REFUSED, SAM, Story, actor, at_cutoff

BLANK = (" ", "\u200b", "\u2060\ufeff", "\u3164", "\u2800", "\u00ad\u200d", "\u202e\ufe0f\t\n", "\u00a0")
Command = Callable[[Story, str], Any]


def urgent() -> Story:
    return Story(urgent=True, at=None)


def rejected() -> Story:
    story = Story()
    story.vote("g-access-1", story.world.actors["anna"], "reject")
    return story


def failed() -> Story:
    story = at_cutoff()
    story.attempt("disable", REFUSED)
    return story


def held() -> Story:
    story = Story()
    story.place_legal_hold()
    return story


def undecidable() -> Story:
    story = Story(ready=False)
    story.world = story.world.__class__(
        now=story.now,
        pinned=story.world.pinned,
        current=story.world.current,
        abilities=story.world.abilities,
        actors={one.actor_id: one for one in (HR, OLE, SAM, actor("rita", "approver", above=[PERSON_ID]))},
    )
    story.search()
    return story


def completes(outcome: str) -> Command:
    def complete(story: Story, text: str) -> Any:
        task = next(iter(story.state.work.tasks))
        return operating.complete_task(story.state, task, outcome, {"note": text}, OLE, story.world)

    return complete


COMMANDS: dict[str, tuple[Callable[[], Story], Command, str]] = {
    "cancel": (Story, lambda s, text: requests.end(s.state, text, HR, s.world), "reason_missing"),
    "skip": (Story, lambda s, text: operating.skip(s.state, "look", text, OLE, s.world), "reason_missing"),
    "accept": (
        urgent,
        lambda s, text: exception_commands.accept(s.state, s.exception("urgent_review"), text, SAM, s.world),
        "reason_missing",
    ),
    "waive": (
        failed,
        lambda s, text: exception_commands.waive(
            s.state, s.exception("step_failed"), s.now + DAY, text, None, HR, s.world
        ),
        "reason_missing",
    ),
    "snooze beyond the due date": (
        failed,
        lambda s, text: exception_commands.snooze(
            s.state, s.exception("step_failed"), s.now + 9 * DAY, text, OLE, s.world
        ),
        "reason_missing",
    ),
    "comment": (
        failed,
        lambda s, text: exception_commands.comment(s.state, s.exception("step_failed"), text, OLE),
        "comment_missing",
    ),
    "take back a rejection": (
        rejected, lambda s, text: operating.replan(s.state, text, LEA, s.world), "reason_missing"
    ),
    "place a legal hold": (Story, lambda s, text: legal_holding.place(s.state, text, HR, s.world), "reason_missing"),
    "lift a legal hold": (
        held, lambda s, text: legal_holding.lift(s.state, None, text, SAM, s.world), "reason_missing"
    ),
    "name a decider": (
        undecidable,
        lambda s, text: naming.name_decider(s.state, s.exception("decider_missing"), "rita", text, OLE, s.world),
        "reason_missing",
    ),
    "complete": (Story, completes("done"), "evidence_missing"),
    "not done": (Story, completes("not_done"), "reason_missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reason_that_no_one_can_read_is_refused(name: str) -> None:
    made, command, code = COMMANDS[name]
    story = made()
    for text in BLANK:
        with pytest.raises(Refusal) as refused:
            command(story, text)
        assert refused.value.code == code, ascii(text)
    assert command(story, "\u200bwhy\u200b")


def test_what_a_reader_sees_is_not_blank() -> None:
    assert all(is_blank(text) for text in (*BLANK, ""))
    assert not any(is_blank(text) for text in (".", "\u0645\u06cc\u200c", "\u2713\ufe0f", "\u28ff", "理由"))
