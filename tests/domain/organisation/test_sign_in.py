"""What a sign-in adds to what is known about who acts here."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import (
    Organisation,
    fold_organisation,
    record_sign_in,
)
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, ROBOT


def signed_in(known: Organisation, *events: Event) -> Organisation:
    for event in events:
        known = fold_organisation(known, event)
    return known


def test_no_message_is_shown_twice_and_one_that_was_not_shown_stays() -> None:
    first = record_sign_in(organisation_of([]), ANNA, "Anna Ahn", "anna@x.example", "Europe/Berlin")
    known = organisation_of(first)
    assert record_sign_in(known, ANNA, "Anna Ahn", "anna@x.example", "Europe/Berlin") == []
    assert record_sign_in(known, ANNA, None, None, None) == [], "the command line knows no names"
    [moved] = record_sign_in(known, ANNA, None, None, "Asia/Tokyo")
    assert (moved.name, moved.email, moved.time_zone) == ("Anna Ahn", "anna@x.example", "Asia/Tokyo")
    assert record_sign_in(signed_in(known, moved), ANNA, "Anna Ahn", None, "Asia/Tokyo") == []


def test_a_role_that_was_taken_away_comes_back_only_after_a_sign_in_that_was_without_it() -> None:
    known = organisation_of(record_sign_in(organisation_of([]), ANNA, None, None, None))
    known = signed_in(known, e.RolesRevoked(actor_id="anna", roles=("approver",), by="sam"))
    assert known.actors["anna"].roles == frozenset()
    known = signed_in(known, *record_sign_in(known, ANNA, None, None, "Asia/Tokyo"))
    assert known.actors["anna"].roles == frozenset(), "to sign in again gives nothing back"
    without = ANNA.model_copy(update={"roles": frozenset()})
    known = signed_in(known, *record_sign_in(known, without, None, None, None))
    known = signed_in(known, *record_sign_in(known, ANNA, None, None, None))
    assert known.actors["anna"] == ANNA


def test_messages_belong_to_the_person_who_signed_in_and_to_no_one_after_them() -> None:
    known = organisation_of(record_sign_in(organisation_of([]), ANNA, "Anna Ahn", None, None))
    successor = ANNA.model_copy(update={"human": "h-somebody-else"})
    [other] = record_sign_in(known, successor, None, None, None)
    assert other.name is None
    [assistant] = record_sign_in(known, ROBOT, "Robot", "r@x.example", None)
    assert (assistant.name, assistant.email) == (None, None), "they would be encrypted under nobody's key"
