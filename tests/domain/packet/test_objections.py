"""An objection to a packet version: it keeps the version where it is, and waits in inboxes until it is answered."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.packet.history.objections import answer, object_to, waiting_objections, withdraw_objection
from orchestrator.domain.packet.history.packet_events import FORWARD
from orchestrator.domain.packet.history.packet_phases import move, sign
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet.test_packet_phases import ASSISTANT, ONE, SAFETY, STRANGER, TWO, VALUE, Life, life
from tests.domain.packet_texts import packet_files

__all__ = ["life"]


def test_an_objection_keeps_a_version_from_going_forward_until_its_author_withdraws_it(life: Life) -> None:
    life.take(sign(life.state, ONE.version, VALUE))
    life.take(sign(life.state, ONE.version, SAFETY))
    for wrong, code in ((STRANGER, "not_an_owner"), (ASSISTANT, "only_people_govern")):
        with pytest.raises(NotAllowed, match=code):
            object_to(life.state, ONE.version, wrong, "No.")
    for nothing in ("", "  ", "\u200b", "\u3164 \u2060"):
        with pytest.raises(Invalid, match="reason_missing"):
            object_to(life.state, ONE.version, SAFETY, nothing)
    [objected] = life.take(object_to(life.state, ONE.version, SAFETY, "The runbook is missing."))
    assert objected.subject == SAFETY.human, "the reason is encrypted under the author's key"
    with pytest.raises(TooLate, match="objected_already"):
        object_to(life.state, ONE.version, SAFETY, "Again.")
    with pytest.raises(TooLate, match="objection_open") as told:
        move(life.state, ONE.version, "shadow", VALUE)
    assert "s objects to it" in told.value.message
    assert move(life.state, ONE.version, "retired", VALUE), "back or out of use it goes"

    with pytest.raises(NotAllowed, match="not_your_objection"):
        withdraw_objection(life.state, ONE.version, "objection-1", VALUE)
    with pytest.raises(Invalid, match="unknown_objection"):
        withdraw_objection(life.state, ONE.version, "objection-2", SAFETY)
    life.take(withdraw_objection(life.state, ONE.version, "objection-1", SAFETY))
    assert withdraw_objection(life.state, ONE.version, "objection-1", SAFETY) == []
    assert move(life.state, ONE.version, "shadow", VALUE)
    life.take(object_to(life.state, ONE.version, VALUE, "Another one."))
    assert [known.objection for known in life.state.version(ONE.version).open_objections] == ["objection-2"]


def test_owners_of_a_version_that_another_one_has_replaced_do_not_object(life: Life) -> None:
    other_owner = ("safety_owner: safety_owner", "safety_owner: security")
    handed_on = parse_packet(packet_files(platform=other_owner))
    after = parse_packet(packet_files(platform=other_owner, workflow=("PT1H", "PT2H")))
    today = Actor(actor_id="t", human="h-t", roles=frozenset({"security"}))
    life.advance(ONE, "production")
    life.adopt(handed_on, Actor(actor_id="n", human="h-n", roles=frozenset({"safety_owner", "security"})))
    assert object_to(life.state, handed_on.version, SAFETY, "Not yet."), "as an owner of the version that is replaced"
    while (now := life.state.version(handed_on.version).phase) != "production":
        life.take(sign(life.state, handed_on.version, VALUE))
        life.take(sign(life.state, handed_on.version, today))
        life.take(move(life.state, handed_on.version, FORWARD[FORWARD.index(now) + 1], VALUE))
    life.adopt(after, today)
    assert life.state.version(ONE.version).phase == "production", "it stays there beside the newer one"
    with pytest.raises(NotAllowed, match="not_an_owner"):
        object_to(life.state, after.version, SAFETY, "I owned it once.")
    assert object_to(life.state, after.version, today, "I own it.")


def test_a_new_version_is_not_affected_by_an_objection_and_adopting_the_same_again_answers_nothing(life: Life) -> None:
    life.take(object_to(life.state, ONE.version, SAFETY, "Too long."))
    life.adopt(TWO)
    life.take(sign(life.state, TWO.version, VALUE))
    life.take(sign(life.state, TWO.version, SAFETY))
    life.take(move(life.state, TWO.version, "shadow", VALUE))
    life.adopt(ONE)
    assert life.state.version(ONE.version).open_objections, "the same files are objected to as before"


def test_only_an_adoption_that_says_so_answers_an_objection(life: Life) -> None:
    life.take(object_to(life.state, ONE.version, SAFETY, "Too long."))
    assert [one.objection for _, one in waiting_objections(life.state, VALUE)] == ["objection-1"]
    assert waiting_objections(life.state, SAFETY) == [] == waiting_objections(life.state, STRANGER)
    life.adopt(TWO)
    assert waiting_objections(life.state, VALUE), "another version answers nothing by itself"
    for objection, sentence, version, code in (
        ("objection-2", "Shorter.", TWO, "unknown_objection"),
        ("objection-1", " \u200b", TWO, "reason_missing"),
        ("objection-1", "Shorter.", ONE, "answered_by_itself"),
    ):
        with pytest.raises(Invalid, match=code):
            answer(life.state, version.version, {objection: sentence}, VALUE)
    [answered] = life.take(answer(life.state, TWO.version, {"objection-1": "Shorter."}, VALUE))
    assert answered.subject == VALUE.human, "the sentence is encrypted under its author's key"
    assert answer(life.state, TWO.version, {"objection-1": "Shorter."}, VALUE) == []
    assert waiting_objections(life.state, VALUE) == []
    assert [one.answered_by for _, one in waiting_objections(life.state, SAFETY)] == [TWO.version]
    assert life.state.version(ONE.version).open_objections, "the version that was objected to stays where it is"
    life.take(withdraw_objection(life.state, ONE.version, "objection-1", SAFETY))
    assert waiting_objections(life.state, SAFETY) == []
    with pytest.raises(TooLate, match="objection_withdrawn"):
        answer(life.state, TWO.version, {"objection-1": "Once again."}, VALUE)


def test_an_objection_to_a_version_out_of_use_waits_for_no_one(life: Life) -> None:
    life.take(object_to(life.state, ONE.version, SAFETY, "Too long."))
    life.take(move(life.state, ONE.version, "retired", VALUE))
    assert waiting_objections(life.state, VALUE) == []
