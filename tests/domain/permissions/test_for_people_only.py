"""What people alone may do, and who holds systems and takes roles away."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import revoking_roles, systems
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Holds, holds_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, DAY, EVENING, EVERYBODY, MONDAY, OLE, ROBOT, SAM, Story, actor, packet

PACKET = packet()
SERVICE_GRANT = ("levels:\n", "levels:\n  - {who: requester, kind: service, up_to: prepare}\n")
SERVICE = actor("timer", "requester", kind="service")


def refusal(act: Callable[[], object]) -> NotAllowed:
    with pytest.raises(NotAllowed) as refused:
        act()
    return refused.value


def held_by(by: Actor, pinned: Packet, system: str) -> list[Event]:
    return systems.hold_system(Holds(), system, None, by, pinned, [pinned], MONDAY)


# Runs


@pytest.mark.parametrize("by", [ROBOT, SERVICE], ids=["assistant", "service"])
def test_only_people_move_a_cutoff(by: Actor) -> None:
    story = Story(packet(platform=SERVICE_GRANT))
    for instant in (EVENING - DAY, EVENING, EVENING + DAY, EVENING + 36500 * DAY):
        refused = refusal(lambda instant=instant: story.reschedule(instant, by=by))  # type: ignore[misc]  # bound in the loop
        assert refused.code == "only_people" and by.kind in refused.message
    assert story.state.cutoff == EVENING


def test_a_service_starts_a_run_with_the_permission_of_its_packet_and_an_assistant_never() -> None:
    story = Story(packet(platform=SERVICE_GRANT), by=SERVICE)
    assert story.state.asked.requested_by == "timer"
    assert refusal(lambda: Story(by=SERVICE)).code == "level_not_granted"
    refused = refusal(lambda: Story(by=ROBOT))
    assert refused.code == "only_people" and "people and services" in refused.message


@pytest.mark.parametrize("by", [ROBOT, SERVICE], ids=["assistant", "service"])
def test_only_people_end_a_run(by: Actor) -> None:
    story = Story(packet(platform=SERVICE_GRANT))
    assert refusal(lambda: story.end(by=by)).code == "only_people"
    assert not story.state.finished
    story.end()
    assert story.state.finish == "ended"


# Systems


def hold(by: Actor, system: str = "cards", held: bool = False) -> list[Event]:
    return systems.hold_system(Holds(held=held), system, "why", by, PACKET, [PACKET], MONDAY)


def release(by: Actor, system: str = "cards", held: bool = True) -> list[Event]:
    return systems.release_system(Holds(held=held), system, by, PACKET, [PACKET], EVERYBODY)


@pytest.mark.parametrize("by", [OLE, SAM], ids=["operator", "safety owner"])
@pytest.mark.parametrize("system", ["cards", e.EVERYTHING])
def test_systems_are_held_and_released_by_their_owners(by: Actor, system: str) -> None:
    assert hold(by, system) == [e.HoldPlaced(by=by.actor_id, reason="why")]
    assert release(by, system) == [e.HoldReleased(by=by.actor_id)]
    assert hold(by, system, held=True) == [] and release(by, system, held=False) == []


def test_an_assistant_neither_holds_nor_releases_a_system() -> None:
    assert refusal(lambda: hold(ROBOT)).code == refusal(lambda: release(ROBOT)).code == "only_people"
    assert refusal(lambda: hold(ROBOT, held=True)).code == "only_people"
    assert refusal(lambda: release(ROBOT, held=False)).code == "only_people"


def test_holding_needs_the_role_and_the_level_on_that_system() -> None:
    assert refusal(lambda: hold(ANNA)).code == refusal(lambda: release(ANNA)).code == "role_missing"
    narrow = packet(
        platform=("  - {who: operator, up_to: change}\n", "  - {who: operator, systems: [code], up_to: prepare}\n")
    )
    assert held_by(OLE, narrow, "code")
    for system in ("cards", e.EVERYTHING):
        refused = refusal(lambda system=system: held_by(OLE, narrow, system))  # type: ignore[misc]  # bound in the loop
        assert refused.code == "level_not_granted"
    assert (
        refusal(lambda: systems.release_system(Holds(held=True), "cards", OLE, narrow, [narrow], EVERYBODY)).code
        == "level_not_granted"
    )
    reader = packet(platform=("  - {who: operator, up_to: change}\n", "  - {who: operator, up_to: read}\n"))
    assert refusal(lambda: held_by(OLE, reader, "code")).code == "level_not_granted"


def test_an_unknown_system_is_said_with_those_there_are() -> None:
    for act in (hold, release):
        with pytest.raises(Invalid) as unknown:
            act(OLE, "nosuch")
        assert unknown.value.code == "unknown_system" and unknown.value.facts["known"] == "hr, code, cards"


# Roles


def test_a_safety_owner_takes_roles_away() -> None:
    taken = revoking_roles.revoke_roles(ANNA, ["lead", "approver"], SAM, "safety_owner")
    assert taken == [e.RolesRevoked(actor_id="anna", roles=("approver",), by="sam")]
    assert revoking_roles.revoke_roles(ANNA, ["lead"], SAM, "safety_owner") == []


def test_roles_are_taken_away_by_people_with_the_packets_own_role() -> None:
    assert refusal(lambda: revoking_roles.revoke_roles(ANNA, ["approver"], OLE, "safety_owner")).code == "role_missing"
    refused = refusal(lambda: revoking_roles.revoke_roles(ANNA, ["approver"], SAM, "platform_lead"))
    assert refused.code == "role_missing" and "platform lead" in refused.message
    assert refusal(lambda: revoking_roles.revoke_roles(ANNA, ["approver"], ROBOT, "safety_owner")).code == "only_people"
    assert revoking_roles.revoke_roles(ANNA, ["approver"], actor("pat", "platform_lead"), "platform_lead")


def test_whole_streams_fold() -> None:
    placed, released = e.HoldPlaced(by="ole"), e.HoldReleased(by="ole")
    assert holds_of([]) == Holds() and holds_of([placed]) == Holds(1, True)
    assert holds_of([placed, released]) == Holds(2, False)
    recorded = e.ActorRecorded(actor_id="anna", kind="person", roles=("approver", "lead"))
    revoked = e.RolesRevoked(actor_id="anna", roles=("lead",), by="sam")
    assert organisation_of([recorded, revoked]).actors["anna"].roles == {"approver"}


def test_systems_are_held_and_released_by_people_who_look_after_them_in_every_packet() -> None:
    """The operators of one packet would stop the runs of all others, or resume what others stopped."""
    small = packet(
        workflow=("name: leaver", "name: small"),
        approvals=("owner: operator", "owner: clerk"),
        platform=("levels:\n", "levels:\n  - {who: clerk, up_to: prepare}\n"),
    )
    clerk = actor("cleo", "clerk")
    both = actor("bo", "clerk", "operator")
    for system in ("code", e.EVERYTHING):
        for act in (
            lambda others, by, system=system: systems.hold_system(Holds(), system, "why", by, small, others, MONDAY),
            lambda others, by, system=system: systems.release_system(
                Holds(held=True), system, by, small, others, EVERYBODY
            ),
        ):
            assert act([], clerk) and act([small], clerk) and act([small, PACKET], both)
            assert refusal(lambda act=act: act([small, PACKET], clerk)).code == "role_missing"  # type: ignore[misc]  # bound in the loop


@pytest.mark.parametrize("system", ["cards", e.EVERYTHING])
def test_what_a_safety_owner_paused_a_safety_owner_resumes(system: str) -> None:
    by_both = holds_of([e.HoldPlaced(by="ole"), e.HoldPlaced(by="sam")])
    second = actor("sue", "safety_owner")

    def resumed(by: Actor, holds: Holds, known: Mapping[str, Actor] = EVERYBODY) -> list[Event]:
        return systems.release_system(holds, system, by, PACKET, [PACKET], known)

    refused = refusal(lambda: resumed(OLE, by_both))
    assert refused.code == "role_missing" and "safety owner" in refused.message
    assert resumed(SAM, by_both) and resumed(second, by_both)
    assert resumed(OLE, holds_of([e.HoldPlaced(by="ole")])), "an operator resumes what operators paused"
    assert resumed(SAM, holds_of([e.HoldPlaced(by="ole")])), "so does a safety owner"
    left = {id_: one for id_, one in EVERYBODY.items() if id_ != "sam"}
    assert resumed(OLE, by_both, left), "once the safety owner has left, operators resume"
    no_longer = {**EVERYBODY, "sam": SAM.model_copy(update={"roles": frozenset()})}
    assert resumed(OLE, by_both, no_longer)
