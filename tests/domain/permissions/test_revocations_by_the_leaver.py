"""Roles that the leaver, or people who report to the leaver, revoke: in the leaver's own run, votes and effects rest on
them as before."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.organisation.organisation import Organisation, fold_organisation
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.reports import roles_kept
from tests.domain.run_world import ANNA, EVENING, HR, OLE, PERSON_ID, SAM, Story, actor, packet

LEAVER = actor("ada", "safety_owner", human=PERSON_ID)
REPORT = actor("rep", "safety_owner", above=[PERSON_ID])
OTHER = actor("owner2", "safety_owner")
COLLUDING = pytest.mark.parametrize("by", [LEAVER, REPORT], ids=["leaver", "report"])


@COLLUDING
def test_effects_go_on_that_the_requester_caused(by: Actor) -> None:
    story = Story(urgent=True)
    story.knows(by)
    story.revoke(by, ("hr", "requester"))
    assert not story.world.actors["hr"].roles
    assert "disable" in story.work()
    by_another = Story(urgent=True)
    by_another.knows(OTHER)
    by_another.revoke(OTHER, ("hr", "requester"))
    assert "disable" not in by_another.work()


@COLLUDING
def test_an_approval_that_was_given_stays_and_a_missing_one_is_an_exception(by: Actor) -> None:
    story = Story()
    story.knows(by)
    story.vote("g-access-1", ANNA)
    story.vote("g-money-1", ANNA)
    story.revoke(by, ("anna", "approver"), ("ben", "approver"))
    assert ("decider_missing", "g-money-1") in story.exceptions(), "Ben can't give the second approval"
    story.at(EVENING)
    assert "disable" in story.work(), "Anna approved it"


@COLLUDING
def test_the_same_revocation_by_another_safety_owner_counts_beside_it(by: Actor) -> None:
    story = Story()
    story.knows(by)
    story.vote("g-access-1", ANNA)
    story.revoke(by, ("anna", "approver"))
    assert story.world.kept_roles == {"anna": {"approver"}}
    story.revoke(SAM, ("anna", "approver"))
    assert story.world.kept_roles == {}
    story.at(EVENING)
    assert "disable" not in story.work()


def test_a_report_revokes_roles_where_every_safety_owner_is_one() -> None:
    """As with pauses: if the head of the company leaves, everyone reports to them."""
    story = Story()
    story.knows(REPORT, SAM.model_copy(update={"managers": frozenset({PERSON_ID})}))
    story.revoke(REPORT, ("anna", "approver"))
    assert story.world.kept_roles == {}


def test_a_revocation_counts_in_the_runs_of_all_others() -> None:
    story = Story()
    story.knows(OTHER)
    story.vote("g-money-1", ANNA)
    story.revoke(OTHER, ("anna", "approver"))
    assert story.world.kept_roles == {}
    assert ("decider_missing", "g-money-1") in story.exceptions()


def test_a_role_that_a_later_sign_in_does_not_have_is_not_kept() -> None:
    people = Organisation(actors={one.actor_id: one for one in (ANNA, HR, OLE, SAM, LEAVER)})
    for event in (
        e.RolesRevoked(actor_id="anna", roles=("approver",), by="ada"),
        e.ActorRecorded(actor_id="anna", kind="person", roles=("lead",), human=ANNA.human),
    ):
        people = fold_organisation(people, event)
    assert roles_kept(people, PERSON_ID, [packet()], ()) == {}
    assert people.actors["anna"].roles == {"lead"}
