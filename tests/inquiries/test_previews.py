"""A preview that a worker makes: the same as the command line's, refused exactly where the start would be."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from activities.inquiries.previews import Previews
from connectors.abilities import Account, Effect
from orchestrator import commands
from orchestrator.documents.runs.previews.preview import Preview
from orchestrator.documents.runs.questions import FindPeople, PreviewAsked
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.reading.queries import Queries
from orchestrator.web.inquiries import Inquiries
from tests.conftest import Hire
from tests.inquiries.conftest import Asking
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, conninfo
from tests.integration.packets import quick_packet

PACKET = "standard-leaver"
FAR_AWAY = datetime(2035, 6, 1, tzinfo=UTC)


def asked(
    wanted: str,
    *,
    by: str = "hr",
    packet: str = PACKET,
    urgent: bool = False,
    cutoff: str | None = FAR_FUTURE,
    zone: str | None = ZONE,
) -> PreviewAsked:
    return PreviewAsked(packet=packet, wanted=wanted, cutoff=cutoff, zone=zone, urgent=urgent, actor_id=by)


async def test_a_preview_shows_what_a_run_then_does(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        before = (await here.backend.ledger.now(), await count_of_events(here))
        shown = await inquiries.ask("hr", asked(person.employee_number))
        assert await count_of_events(here) == before[1], "nothing is written"
        assert shown.person is not None and shown.person.name == person.name
        assert shown.looked_at >= before[0] and shown.cutoff == datetime(2035, 1, 5, 17, tzinfo=UTC)
        run_id = await here.start(person, cutoff=FAR_FUTURE)
        state = await here.wait_until(run_id, lambda state: bool(state.plan.steps), "a plan")
        assert [step.name for step in shown.steps] == [step.name for step in state.plan.steps.values()]
        assert {system.system: system.outcome for system in shown.systems} == {
            system: look.result.outcome for system, look in state.accounts.searches.items()
        }
        assert not shown.questions and not shown.not_looked_at and not shown.steps_left_open
        read = {step.system for step in shown.steps if step.level is Level.READ and step.account is not None}
        assert {one.system for one in shown.access} == read and not any(one.trouble for one in shown.access)
        groups = {one.system: fact.count for one in shown.access for fact in one.facts if fact.name == "groups"}
        assert groups["identity"] and groups["directory"]
        state = await here.wait_until(run_id, lambda state: bool(state.decisions.gates), "its gates")
        opened = {gate.opened.gate: set(gate.roles) for gate in state.decisions.gates.values()}
        assert {gate.gate: set(gate.roles) for gate in shown.gates} == opened


async def test_gates_name_who_could_decide_and_steps_until_when_they_can_be_taken_back(
    asking: Asking, hire: Hire
) -> None:
    [person] = await hire()
    async with asking() as (_, inquiries):
        shown = await inquiries.ask("hr", asked(person.employee_number))
        access = next(gate for gate in shown.gates if gate.gate == "access")
        assert access.deciders == ("it",) and access.roles == ("it_approver",) and access.steps
        limited = [step for step in shown.steps if step.reversible == "limited"]
        assert limited, "the packet has a step that can be taken back for a while"
        for step in limited:
            assert step.due_at is not None and step.reversible_for is not None
            assert step.reversible_until == step.due_at + step.reversible_for
        assert all(step.reversible_until is None for step in shown.steps if step.reversible != "limited")
        # What falls due in the past is done now at the earliest.
        late = await inquiries.ask("hr", asked(person.employee_number, cutoff="2026-01-05T18:00"))
        for step in late.steps:
            if step.reversible == "limited":
                assert step.reversible_for is not None and step.due_at is not None
                earliest = max(step.due_at, late.looked_at)
                assert step.reversible_until == earliest + step.reversible_for
        # A person who reports to the leaver decides nothing about them.
        above = await inquiries.ask("hr", asked("E-1004"))
        assert all("it" not in gate.deciders for gate in above.gates)


async def test_questions_about_whose_account_it_is_come_with_their_candidates(asking: Asking, hire: Hire) -> None:
    [person] = await hire(traits=("two_code_accounts",))
    async with asking() as (_, inquiries):
        shown = await inquiries.ask("hr", asked(person.employee_number))
        [question] = shown.questions
        assert (question.system, question.kind, question.asked_of) == ("code", "ambiguous_match", "operator")
        assert len(question.candidates) == 2 and all(account.label for account in question.candidates)
        assert shown.steps_left_open and "code" not in {step.system for step in shown.steps}


async def test_what_could_not_be_looked_at_says_why(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    packet = quick_packet(changed={"title: Cards": f"title: Cards\n    queue: inside-{secrets.token_hex(6)}"})
    async with asking(packet=packet) as (here, inquiries):
        await here.company.stop("code")
        try:
            shown = await inquiries.ask("hr", asked(person.employee_number, packet=packet.name))
        finally:
            await here.company.restart("code")
        unseen = {one.system: one for one in shown.not_looked_at}
        assert set(unseen) == {"code", "cards"}
        assert (unseen["code"].code, unseen["code"].title) == ("unreachable", "Code")
        assert unseen["cards"].code == "own_network_only" and "only from its own network" in unseen["cards"].why
        assert set(shown.steps_left_open) == {"suspend_code", "revoke_code_tokens", "close_card"}


async def test_a_preview_is_refused_exactly_where_the_start_would_be(asking: Asking, hire: Hire) -> None:
    first, second = await hire(2)
    async with asking() as (here, inquiries):
        run_id = await here.start(first, cutoff=FAR_FUTURE)
        for who, by, urgent in (
            (first, "hr", False),  # there is a run that they may see
            (second, "auditor", False),  # no level
            (second, "operator", True),  # urgent is for other roles
        ):
            refused = await refusal_of(inquiries, asked(who.employee_number, by=by, urgent=urgent))
            with pytest.raises(Refusal) as started:
                await here.start(who, cutoff=FAR_FUTURE, by=by, urgent=urgent)
            assert type(refused) is type(started.value), (by, urgent)
            assert (refused.code, refused.message, refused.facts) == (
                started.value.code,
                started.value.message,
                started.value.facts,
            )
        assert isinstance(await refusal_of(inquiries, asked(first.employee_number)), TooLate)
        assert run_id in (await refusal_of(inquiries, asked(first.employee_number))).message
        for cutoff, zone, code in (
            ("2035-01-05", ZONE, "cutoff_not_understood"),
            (FAR_FUTURE, "Europe/Nowhere", "unknown_zone"),
            (None, None, "cutoff_missing"),
        ):
            refused = await refusal_of(inquiries, asked(second.employee_number, cutoff=cutoff, zone=zone))
            assert isinstance(refused, Invalid) and refused.code == code
        own = await refusal_of(inquiries, asked("E-1003"))
        assert isinstance(own, NotAllowed) and own.code == "own_run"
        stranger = await refusal_of(inquiries, asked(second.employee_number, by="nobody-here"))
        assert stranger.code == "unknown_actor"


async def test_a_run_that_the_asker_may_not_see_makes_no_difference(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        named = tuple(here.actors)
        colleague = Actor(actor_id="hr-2", roles=frozenset({"requester"}), human=await new_human(here))
        await commands.record_actor(here.services, colleague)
        question = asked(person.employee_number, by="hr-2")
        before = await inquiries.ask("hr-2", question)
        hidden = await commands.start_run(
            here.services,
            here.actors["hr"],
            await here.facts(person),
            PACKET,
            parse_cutoff(FAR_FUTURE, ZONE),
            embargo=EmbargoTerms(FAR_AWAY, named),
        )
        assert isinstance(hidden, commands.Done)
        after = await inquiries.ask("hr-2", question)
        assert words_of_steps(after) == words_of_steps(before)
        assert hidden.run_id not in after.model_dump_json()
        # Nor does HR's entry of it.
        left = FindPeople(packet=PACKET, text=person.employee_number)
        [unmarked] = (await inquiries.ask("hr-2", left)).people
        facts = await here.facts(person)
        hr_system: Any = await here.people._source()
        told = Effect(
            "record_leaving", secrets.token_hex(8), Account(facts.hr_id, "", {}), {"at": "2035-01-05T17:00:00Z"}
        )
        await hr_system.attempt(told)
        assert (await inquiries.ask("hr-2", left)).people == (unmarked,) and not unmarked.leaving
        [seen_by_named] = (await inquiries.ask("hr", left)).people
        assert seen_by_named.leaving and seen_by_named.leaving_at == datetime(2035, 1, 5, 17, tzinfo=UTC)
        # Named people see the run; accounts that may start nothing are refused first, as with any other person.
        seen = await refusal_of(inquiries, asked(person.employee_number))
        assert (seen.code, hidden.run_id in seen.message) == ("run_open", True)
        assert (await refusal_of(inquiries, asked(person.employee_number, by="auditor"))).code == "level_not_granted"


async def test_under_an_embargo_only_those_named_are_shown_as_deciders(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        await commands.record_actor(
            here.services, Actor(actor_id="it-2", roles=frozenset({"it_approver"}), human=await new_human(here))
        )
        question = asked(person.employee_number)
        open_to_all = await inquiries.ask("hr", question)
        assert deciders(open_to_all, "access") == {"it", "it-2"}
        wished = question.model_copy(update={"embargo_until": FAR_AWAY, "named": tuple(here.actors)})
        assert deciders(await inquiries.ask("hr", wished), "access") == {"it"}


def deciders(shown: Preview, gate: str) -> set[str]:
    return {actor for one in shown.gates if one.gate == gate for actor in one.deciders}


def words_of_steps(shown: Preview) -> list[tuple[str, str | None, str | None]]:
    """Account ids differ for someone whom the keyring does not know yet."""
    return [(step.name, step.system, step.account.label if step.account else None) for step in shown.steps]


async def new_human(here: Installation) -> str:
    return await here.backend.keyring.create_person()


async def test_a_worker_shows_what_the_command_line_shows(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        # Someone who was in the ledger before: their accounts have other ids each time all the same.
        await commands.end_run(here.services, here.actors["hr"], await here.start(person, cutoff=FAR_FUTURE), "not yet")
        queries = Queries(here.backend.database, here.backend.ledger, here.backend.runs)
        previews = Previews(here.backend.runs, here.backend.keyring, queries, here.people._connections)
        question = asked(person.employee_number)
        beside = await previews.look_ahead(here.actors["hr"], question)
        asked_for = await inquiries.ask("hr", question)
        assert abs(asked_for.looked_at - beside.looked_at) < timedelta(minutes=1)
        assert without_time_and_ids(asked_for) == without_time_and_ids(beside)
        ids = [{one.account_id for system in shown.systems for one in system.accounts} for shown in (asked_for, beside)]
        assert ids[0] and ids[0].isdisjoint(ids[1])


def without_time_and_ids(shown: Preview) -> object:
    def known(value: object) -> object:
        match value:
            case dict():
                return {name: known(one) for name, one in value.items() if name not in ("account_id", "step_id")}
            case list() | tuple():
                return sorted((known(one) for one in value), key=repr)
        return value

    return known(shown.model_dump(exclude={"looked_at"}))


async def refusal_of(inquiries: Inquiries, question: PreviewAsked) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await inquiries.ask(question.actor_id, question)
    return refused.value


async def count_of_events(here: Installation) -> int:
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
        row = await (await raw.execute("SELECT count(*) FROM ledger.events")).fetchone()
    assert row is not None
    return int(row[0])
