"""What people are mailed about although nothing waits for them: HR's changes to runs, named deciders, services."""

from __future__ import annotations

from datetime import timedelta

from orchestrator import commands
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, open_kinds
from tests.integration.packets import quick_packet
from tests.notices.conftest import PUBLIC_URL, signed_in
from tests.notices.test_notices import Mail, address_of, gate_open, mails, mails_until, no_more_than

EXPIRES = "The API token of a service expires soon"
LATER = "2036-01-05T18:00"


def to(sent: list[Mail], address: str) -> list[str]:
    return [mail["subject"].removeprefix("Offboard: ") for mail in sent if mail["to"] == [address]]


async def test_the_other_people_of_hr_hear_of_what_hr_postpones_pauses_and_cancels(
    install: Install, hire: Hire
) -> None:
    person, colleague, approver = await hire(3)
    async with install() as here:
        await signed_in(here, "hr-too", colleague, ("requester",))
        await signed_in(here, "leaving", person, ("requester",))
        await signed_in(here, "approves", approver, ("it_approver",))
        hr = here.actors["hr"]
        run = await here.start(person, cutoff=FAR_FUTURE)
        await here.wait_until(run, gate_open, "an open gate")
        await commands.reschedule_run(here.services, hr, run, parse_cutoff(LATER, ZONE))
        await told(here, colleague, "A cutoff was moved to a later time", run)
        await commands.reschedule_run(here.services, hr, run, parse_cutoff(FAR_FUTURE, ZONE))
        await commands.hold_run(here.services, hr, run, None)
        await told(here, colleague, "A run was paused", run)
        await commands.release_run(here.services, hr, run)
        await commands.place_legal_hold(here.services, hr, run, "A claim")
        colleague_account = (await here.backend.runs.organisation()).actors["hr-too"]
        await commands.lift_legal_hold(here.services, colleague_account, run, "Settled", None)
        await commands.end_run(here.services, hr, run, "They stay.")
        sent = await told(here, colleague, "A run was cancelled", run)
        assert to(sent, colleague.email) == [
            "A cutoff was moved to a later time",
            "A run was paused",
            "A run was cancelled",
        ], "an earlier cutoff keeps no access open"
        assert to(sent, await address_of(here, "E-1003")) == ["A legal hold was lifted"], "not of their own commands"
        assert to(sent, person.email) == [], "the leaver hears nothing"
        assert set(to(sent, approver.email)) == {"An approval needs your attention"}, "approvers are not HR"
        await no_more_than(here, len(await mails(here)))


async def test_a_new_owner_hears_of_an_assignment_and_hr_of_waivers_and_replays(
    install: Install, hire: Hire, company: Company
) -> None:
    person, owner, colleague = await hire(3)
    async with install() as here:
        await signed_in(here, "operates-too", owner, ("operator",))
        await signed_in(here, "hr-too", colleague, ("requester",))
        operator = here.actors["operator"]
        await company.break_("mail", "error_in_200", method="PATCH")
        run = await here.start(person)
        state = await here.attend(run, until=lambda state: "step_failed" in open_kinds(state))
        await company.clear_faults("mail")
        [failed] = [one.opened.exception_id for one in state.work.open_exceptions()]
        await told(here, owner, "An exception needs your attention", run)
        await commands.assign_exception(here.services, operator, run, failed, "operates-too")
        await told(here, owner, "An exception was assigned to you", run)
        until = await here.backend.ledger.now() + timedelta(hours=1)
        await commands.waive_exception(here.services, operator, run, failed, until, "The vendor restores it")
        await told(here, colleague, "An exception was waived", run)
        await commands.retry_step(here.services, operator, run, "forward_mail")
        await here.attend(run)
        await commands.replay_run(here.services, operator, run, Scope())
        sent = await told(here, colleague, "A completed run was replayed", run)
        assert to(sent, colleague.email) == ["An exception was waived", "A completed run was replayed"]
        assert "An exception was waived" not in to(sent, owner.email), "operators see it in the run"


async def test_the_person_who_placed_a_lifted_hold_hears_of_it_without_a_role_of_hr(
    install: Install, hire: Hire
) -> None:
    person, placer, lifter, third = await hire(4)
    approvals = b"legal_hold: {allowed_to: [legal]}\n"
    levels = {"levels:\n": "levels:\n  - {who: legal, systems: [hr], up_to: read}\n"}
    files = dict(quick_packet(changed=levels).files)
    packet = parse_packet({**files, "approvals.yaml": files["approvals.yaml"] + approvals})
    async with install(packet=packet) as here:
        lex = await signed_in(here, "lex", placer, ("legal",))
        luz = await signed_in(here, "luz", lifter, ("legal",))
        await signed_in(here, "lea", third, ("legal",))
        run = await here.start(person, cutoff=FAR_FUTURE)
        await commands.place_legal_hold(here.services, lex, run, "A claim")
        await commands.lift_legal_hold(here.services, luz, run, "Settled", None)
        sent = await told(here, placer, "A legal hold was lifted", run)
        assert to(sent, lifter.email) == to(sent, third.email) == [], "they neither placed it nor are HR"
        hr = await address_of(here, "E-1003")
        await mails_until(here, lambda sent: to(sent, hr) == ["A legal hold was lifted"], "a notice to HR")


async def told(here: Installation, reader: Employee, subject: str, run: str) -> list[Mail]:
    sent = await mails_until(here, lambda sent: subject in to(sent, reader.email), subject)
    [mail] = [one for one in sent if one["to"] == [reader.email] and one["subject"] == f"Offboard: {subject}"]
    assert f"{PUBLIC_URL}/runs/{run}" in mail["text"]
    return sent


async def test_of_a_run_under_embargo_only_those_of_hr_whom_it_names_hear(install: Install, hire: Hire) -> None:
    person, cleared, other = await hire(3)
    async with install() as here:
        await signed_in(here, "hr-cleared", cleared, ("requester",))
        await signed_in(here, "hr-other", other, ("requester",))
        until = await here.backend.ledger.now() + timedelta(days=30)
        done = await commands.start_run(
            here.services,
            here.actors["hr"],
            await here.facts(person),
            here.packet.name,
            parse_cutoff(FAR_FUTURE, ZONE),
            embargo=EmbargoTerms(until, ("hr", "hr-cleared", "it", "operator")),
        )
        assert isinstance(done, commands.Done)
        await here.wait_until(done.run_id, gate_open, "an open gate")
        await commands.reschedule_run(here.services, here.actors["hr"], done.run_id, parse_cutoff(LATER, ZONE))
        approver = await address_of(here, "E-1006")
        told = (cleared.email, approver)  # the approver hears of the gate
        sent = await mails_until(here, lambda sent: all(to(sent, one) for one in told), "notices to who is cleared")
        assert to(sent, cleared.email) == ["An item needs your attention"]
        assert all(done.run_id not in mail["text"] for mail in sent)
        await no_more_than(here, len(sent))
        assert to(await mails(here), other.email) == []


async def test_those_named_hear_that_an_embargo_ends_soon_and_their_inbox_says_which(
    install: Install, hire: Hire
) -> None:
    person, cleared, other = await hire(3)
    async with install() as here:
        reader = await signed_in(here, "hr-cleared", cleared, ("requester",))
        outside = await signed_in(here, "hr-other", other, ("requester",))
        until = await here.backend.ledger.now() + timedelta(days=30)
        done = await commands.start_run(
            here.services,
            here.actors["hr"],
            await here.facts(person),
            here.packet.name,
            parse_cutoff(FAR_FUTURE, ZONE),
            embargo=EmbargoTerms(until, ("hr-cleared", "it", "operator")),
        )
        assert isinstance(done, commands.Done)
        ending = Queries(here.backend.database, here.backend.ledger, here.services.runs).ending_embargoes
        assert await ending(Viewer.of(reader)) == []
        await here.set_clock_ahead(timedelta(days=24).total_seconds())
        sent = await mails_until(here, lambda sent: bool(to(sent, cleared.email)), "a notice to who is named")
        assert to(sent, cleared.email) == ["An item needs your attention"]
        assert all(done.run_id not in mail["text"] for mail in sent)
        assert to(await mails(here), other.email) == []
        assert await ending(Viewer.of(reader)) == [(done.run_id, until)] and await ending(Viewer.of(outside)) == []


def _decider_missing(state: RunState) -> bool:
    return any(one.opened.kind == "decider_missing" for one in state.work.open_exceptions())


async def test_a_person_named_to_decide_is_mailed_without_a_role_that_is_asked(install: Install, hire: Hire) -> None:
    leaver, named = await hire(2)
    stand_in = "levels:\n  - {who: stand_in, up_to: change}\n"
    packet = quick_packet(quorum=2, changed={"levels:\n": stand_in})
    async with install(packet=packet) as here:
        await signed_in(here, "named", named, ("stand_in",))
        safety, operator = here.actors["safety-owner"], here.actors["operator"]
        await commands.revoke_roles(here.services, safety, packet.name, "it", ["it_approver"])
        run = await here.start(leaver, cutoff=FAR_FUTURE)
        state = await here.wait_until(run, _decider_missing, "an exception")
        [about] = [x.opened.exception_id for x in state.work.open_exceptions() if x.opened.kind == "decider_missing"]
        for by in (safety, operator):
            await commands.name_decider(here.services, by, run, about, "named", "No approver is left.")
        sent = await mails_until(here, lambda sent: bool(to(sent, named.email)), "a notice to who was named")
        assert to(sent, named.email) == ["An approval needs your attention"]


async def test_safety_owners_hear_of_a_service_that_was_revoked_or_expires_or_has_no_owner(
    install: Install, hire: Hire
) -> None:
    [owner] = await hire()
    async with install() as here:
        second = await signed_in(here, "safety-too", owner, ("safety_owner",))
        safety, tokens, names = here.actors["safety-owner"], Tokens(here.backend.database), [here.packet.name]
        made = []
        for days in (300, 3, 300):
            _, token = await commands.make_token(
                here.services,
                tokens,
                safety,
                names,
                name="Feed",
                kind="service",
                roles=(),
                up_to=Level.READ,
                lasts=timedelta(days=days),
            )
            made.append(token)
        first = await address_of(here, "E-1004")
        for address in (first, owner.email):
            await mails_until(here, lambda sent, a=address: EXPIRES in to(sent, a), EXPIRES)
        await commands.revoke_token(here.services, tokens, second, names, made[0].token_id)
        sent = await mails_until(here, lambda sent: len(to(sent, first)) == 2, "a notice of the revocation")
        assert to(sent, first)[1] == "The API token of a service was revoked"
        assert any(f"{PUBLIC_URL}/tokens" in mail["text"] for mail in sent)
        await commands.change_service_owners(here.services, tokens, safety, names, made[2].token_id, "operator")
        await commands.revoke_roles(here.services, safety, here.packet.name, "operator", ["operator"])
        await mails_until(here, lambda sent: "A service has no owner who can act" in to(sent, first), "no owner")
