"""Someone away has a colleague decide: what that one finds in the inbox, and what is in the ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.visibility import sees as may_see
from orchestrator.reading.visibility import Viewer
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    FERN,
    HANNA,
    HOUR,
    IVO,
    OLE,
    SAM,
    STAFF,
    VERA,
    SmallOffice,
    acting,
    sees,
    small_office,
)

PAT = acting("pat")
MONEY, ACCESS = "g-money-1", "g-access-1"
PAST_ANY = datetime(2099, 1, 1, tzinfo=UTC)


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        await services.keyring.create_person(PAT.human)
        await commands.record_actor(services.services, PAT, "Pat Ortiz")
        yield services


async def away(here: SmallOffice, by: Actor, to: Actor = PAT, days: int = 5) -> str:
    until = await here.ledger.now() + days * DAY
    return await commands.delegate(here.services, by, to.actor_id, None, until, "in hospital")


async def waiting(here: SmallOffice, actor: Actor) -> dict[str, str | None]:
    items = (await here.queries.inbox(sees(actor), limit=500)).items
    return {item.id: item.on_behalf_of for item in items}


async def test_the_delegate_finds_what_waits_for_the_absent_one_and_decides_it(here: SmallOffice) -> None:
    run_id = await here.start()
    assert await waiting(here, PAT) == {} and not await here.listed(sees(PAT))
    await away(here, FERN)
    assert await waiting(here, PAT) == {MONEY: "fern"}
    assert await here.queries.find_run(sees(PAT), run_id) == run_id
    await commands.approve_gate(here.services, PAT, run_id, MONEY)
    [vote] = [vote for vote, _ in (await here.state(run_id)).decisions.gates[MONEY].votes]
    assert (vote.by, vote.on_behalf_of, vote.for_human) == ("pat", "fern", FERN.human)
    assert await waiting(here, PAT) == {}
    with pytest.raises(TooLate) as late:
        await commands.approve_gate(here.services, PAT, run_id, MONEY)
    assert late.value.code == "gate_decided", "who was asked may hear the outcome"


async def test_both_know_of_it_and_no_one_else_and_its_reason_goes_with_the_person(here: SmallOffice) -> None:
    await away(here, FERN)
    for one in (FERN, PAT):
        [held] = await here.queries.delegations(sees(one))
        assert (held.said.by, held.said.to, held.said.reason) == ("fern", "pat", "in hospital")
    assert await here.queries.delegations(sees(SAM)) == ()
    assert FERN.human is not None
    await here.keyring.erase_person(FERN.human)
    [held] = await here.queries.delegations(sees(PAT))
    assert held.said.reason is None


async def test_it_ends_by_time_by_word_and_with_the_role(here: SmallOffice) -> None:
    await here.start(60 * DAY)
    first = await away(here, FERN)
    assert await waiting(here, PAT)
    assert await commands.end_delegation(here.services, PAT, first)
    assert await commands.end_delegation(here.services, FERN, first) is False
    assert await waiting(here, PAT) == {}
    await away(here, FERN)
    assert await waiting(here, PAT)
    await commands.revoke_roles(here.services, SAM, here.packet.name, "fern", ["finance_approver"])
    assert await waiting(here, PAT) == {}
    await commands.record_actor(here.services, FERN.model_copy(update={"roles": frozenset()}))
    await commands.record_actor(here.services, FERN)
    assert await waiting(here, PAT)
    await here.advance_clock(6 * DAY)
    assert await waiting(here, PAT) == {}
    assert await here.queries.delegations(sees(PAT)) == ()


async def test_a_vote_after_the_end_of_its_delegation_is_refused(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await here.start()
    delegation = await away(here, FERN)
    elsewhere = replace(here.services, runs=Runs(here.ledger, here.runs.abilities))
    append, ended = here.ledger.append, list[bool]()

    async def later(*arguments: Any, **named: Any) -> Any:
        if not ended:
            ended.append(True)
            await commands.end_delegation(elsewhere, FERN, delegation)
        return await append(*arguments, **named)

    # The delegation ends between the read and the append, which finds out, and it is decided again.
    monkeypatch.setattr(here.ledger, "append", later)
    with pytest.raises(Invalid) as refusal:
        await commands.approve_gate(here.services, PAT, run_id, MONEY)
    assert ended and refusal.value.code == "unknown_run", "a delegate sees the run by the delegation alone"
    assert (await here.state(run_id)).decisions.gates[MONEY].votes == ()


async def test_the_inbox_shows_whom_the_rules_let_act_and_the_page_whom_they_let_see(here: SmallOffice) -> None:
    """Rows and domain, asked for everyone in runs of many kinds."""
    until = await here.ledger.now() + 30 * DAY
    under = EmbargoTerms(until, ("fern", "ivo", "ole"))
    ended = await here.start()
    await commands.end_run(here.services, HANNA, ended, "called off")
    both = acting("sam-too", "safety_owner", "requester").model_copy(update={"human": SAM.human})
    ids = [
        await here.start(-HOUR),
        await here.start(urgent=True),
        await here.start(urgent=True, by=both),
        await here.start(embargo=under),
        await here.start(embargo=replace(under, named=(*under.named, "pat"))),
        ended,
    ]
    await commands.approve_gate(here.services, IVO, ids[0], ACCESS)
    await here.work(ids[0])
    for absent in (FERN, OLE, SAM):
        await away(here, absent)
    asker = Actor(actor_id="hanna-too", roles=frozenset({"it_approver", "operator"}), human=HANNA.human)
    reader = OLE.model_copy(update={"up_to": Level.READ})
    robot = Actor(actor_id="robot", kind="assistant", roles=frozenset({"operator"}))
    unknown = Actor(actor_id="unknown", roles=frozenset({"it_approver", "operator", "safety_owner"}))
    actors = (*STAFF, PAT, asker, acting("nobody", "gardener"), robot, unknown)
    for actor in actors:
        items = {(item.run_id, item.id) for item in (await here.queries.inbox(sees(actor), limit=500)).items}
        seen = await here.listed(sees(actor))
        for run_id in ids:
            snapshot = await here.runs.load(run_id)
            state = snapshot.state
            assert may_see(state, actor, snapshot.world) is (run_id in seen), (actor.actor_id, run_id)
            open_items = [id_ for id_, gate in state.decisions.gates.items() if gate.open]
            open_items += [id_ for id_, task in state.work.tasks.items() if task.open]
            open_items += [id_ for id_, exception in state.work.exceptions.items() if exception.open]
            for item in open_items if actor.kind == "person" else ():
                may = bool(deciders(state, item, PeopleByRole([actor]), snapshot.world))
                assert may is ((run_id, item) in items), (actor.actor_id, run_id, item)
    assert (await here.queries.inbox(sees(reader))).items == ()


async def test_an_operators_colleague_does_the_tasks(here: SmallOffice) -> None:
    run_id = await here.start(-HOUR)
    await here.approve(run_id)
    await here.work(run_id)
    await away(here, OLE)
    tasks = {id_: by for id_, by in (await waiting(here, PAT)).items() if id_.startswith("t-")}
    assert tasks and set(tasks.values()) == {"ole"}
    await commands.complete_task(here.services, PAT, run_id, next(iter(tasks)), "done", {"note": "seen"})
    page = await here.queries.run_page(sees(OLE), run_id)
    done = [recorded.event for recorded in page.events if isinstance(recorded.event, e.TaskCompleted)]
    assert (done[-1].by, done[-1].on_behalf_of) == ("pat", "ole")
    with pytest.raises(NotAllowed):
        await commands.hold_run(here.services, PAT, run_id)


@pytest.mark.parametrize("actor", [Viewer("token", frozenset({"operator"}), up_to=Level.READ).actor, AUDREY])
async def test_who_only_reads_changes_nothing(here: SmallOffice, actor: Actor) -> None:
    run_id = await here.start()
    reads = actor.model_copy(update={"roles": actor.roles | {"it_approver", "operator"}, "up_to": Level.READ})
    for act in (
        lambda: commands.approve_gate(here.services, reads, run_id, ACCESS),
        lambda: commands.skip_step(here.services, reads, run_id, "disable_identity", "why"),
        lambda: commands.hold_system(here.services, reads, "code", here.packet.name, [here.packet.name]),
        lambda: commands.adopt_packet(here.services, reads, here.packet, []),
        lambda: commands.sign_packet(here.services, reads, here.packet.name, here.packet.version, None, []),
        lambda: commands.delegate(here.services, reads, "pat", None, PAST_ANY, None),
        lambda: commands.revoke_roles(here.services, reads, here.packet.name, "ole", ["operator"]),
    ):
        with pytest.raises(Refusal) as refusal:
            await act()
        assert refusal.value.code == "access_limited"


# Several at once


async def test_a_selection_is_decided_one_by_one_and_each_outcome_is_shown(here: SmallOffice) -> None:
    first, second, third = [await here.start() for _ in range(3)]
    await commands.reject_gate(here.services, IVO, second, ACCESS, "not yet")
    chosen = [(first, ACCESS), (second, ACCESS), (third, "g-money-1"), ("r0123456789abcdef", ACCESS), (third, ACCESS)]
    outcomes = await commands.approve_gates(here.services, IVO, [*chosen, (first, ACCESS)], "seen all")
    assert [(outcome.run_id, outcome.gate_id) for outcome in outcomes] == chosen
    codes = [outcome.refused.code if outcome.refused is not None else "done" for outcome in outcomes]
    assert codes == ["done", "gate_decided", "decided_one_by_one", "unknown_run", "done"]
    assert [type(event) for event in outcomes[0].done.events][:2] == [e.GateVoted, e.GateDecided]  # type: ignore[union-attr]  # it is done
    [alone] = await commands.approve_gates(here.services, FERN, [(third, "g-money-1")])
    assert alone.done is not None and alone.done.run_id == third
    with pytest.raises(Invalid) as many:
        await commands.approve_gates(
            here.services, IVO, [(f"r{n}", ACCESS) for n in range(commands.MAX_BATCH_APPROVALS + 1)]
        )
    assert many.value.code == "too_many_together"


async def test_an_assistant_delegates_nothing_and_is_delegated_nothing(here: SmallOffice) -> None:
    robot = Actor(actor_id="robot", kind="assistant", roles=frozenset({"operator"}))
    await commands.record_actor(here.services, robot)
    until = await here.ledger.now() + DAY
    with pytest.raises(NotAllowed):
        await commands.delegate(here.services, robot, "ole", None, until)
    with pytest.raises(Invalid):
        await commands.delegate(here.services, OLE, "robot", None, until)
    with pytest.raises(Invalid):
        await commands.delegate(here.services, VERA, "sam", None, until + timedelta(days=200))
