"""Approvals by those who may not approve, too late, twice by one person, and by 50 people at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import httpx
import pytest

from orchestrator import commands
from orchestrator.deciding.appending import drafts
from orchestrator.domain.events import ORGANISATION, ActorRecorded, VoteRefused, run_stream
from orchestrator.embedded.company.company import Company
from orchestrator.ledger.book.records import StreamAppend
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.counting import count
from tests.faults.people import GATE, at_their_gates, to_the_end
from tests.faults.web_process import approve, token_for, web_process
from tests.integration.conftest import Install
from tests.integration.installation import Installation, worker_here
from tests.integration.packets import quick_packet
from tests.web.overheard import overhearing

AT_ONCE = 50
VALID_FOR = timedelta(days=7)


PROGRAMS_READ = "  - {who: safety_owner, up_to: change}\n  - {who: it_approver, kind: service, up_to: read}\n"


def approver(
    account: str, human: str | None, *, kind: str = "person", managers: tuple[str, ...] = (), also: str = ""
) -> ActorRecorded:
    """`also` is a second role of the account."""
    roles = ("it_approver", also) if also else ("it_approver",)
    return ActorRecorded(actor_id=account, kind=kind, roles=roles, human=human, managers=managers)  # type: ignore[arg-type]


async def record(here: Installation, accounts: list[ActorRecorded]) -> None:
    version = (await here.backend.runs.organisation()).version
    await here.backend.ledger.append([StreamAppend(ORGANISATION, version, drafts(accounts, version, None))])


async def recorded(here: Installation, run: str) -> set[tuple[str, str]]:
    """The account and the code of each refused vote in the run's history, which has none twice."""
    stream = run_stream(run)
    happened = (await here.backend.ledger.read({stream: 0})).events[stream]
    found = [(one.event.by, one.event.refusal) for one in happened if isinstance(one.event, VoteRefused)]
    assert len(found) == len(set(found)), found
    return set(found)


@pytest.mark.trial(row=7, batches=5)
async def test_only_two_of_many_approvals_count(
    batch: TrialBatch, install: Install, company: Company, hire: Hire
) -> None:
    """The gate needs two people. In each run, five approvals that must not count, then 50 people at once."""
    directory = company.directory is not None
    packet = quick_packet(
        quorum=2, directory=directory, changed={PROGRAMS_READ.partition("\n")[0] + "\n": PROGRAMS_READ}
    )
    async with install(packet=packet, worker=False) as here:
        staff = await hire(batch.sized(2, 10))
        runs = [await here.start(person) for person in staff]
        async with worker_here(here):
            states = await at_their_gates(here, runs)
        people = await asyncio.gather(*(here.backend.keyring.create_person() for _ in range(AT_ONCE + 1)))
        requester = here.actors["hr"].human
        crowd = [f"crowd-{number}" for number in range(AT_ONCE)]
        accounts = [approver(account, human) for account, human in zip(crowd, people, strict=False)]
        accounts += [
            approver("requester-as-it", requester),
            approver("former-it", people[-1], also="operator"),
            approver("first-again", people[0]),
            approver("program-of-it", None, kind="service"),
        ]
        for number, state in enumerate(states):
            leaver = state.asked.person_id
            report = await here.backend.keyring.create_person()
            accounts += [approver(f"leaver-{number}", leaver), approver(f"report-{number}", report, managers=(leaver,))]
        await record(here, accounts)
        tokens = {account.actor_id: await token_for(here, account.actor_id) for account in accounts}
        await commands.revoke_roles(
            here.services, here.actors["safety-owner"], here.packet.name, "former-it", ["it_approver"]
        )
        refused: Counter[str] = Counter()
        answered: dict[str, set[tuple[str, str]]] = {run: set() for run in runs}
        with overhearing(here.settings) as heard:
            async with web_process(here) as url, httpx.AsyncClient(base_url=url, timeout=120) as client:
                for number, run in enumerate(runs):
                    for account in (
                        "requester-as-it",
                        f"leaver-{number}",
                        f"report-{number}",
                        "former-it",
                        "program-of-it",
                    ):
                        status, code = await approve(client, run, GATE, tokens[account])
                        assert status == 403, (account, status, code)
                        refused[account] += 1
                        answered[run].add((account, code))
                    assert "GateVoted" not in await here.events(run)
                    # One person with two accounts has one vote, whichever account is first.
                    twins = batch.chance.sample([crowd[0], "first-again"], 2)
                    status, code = await approve(client, run, GATE, tokens[twins[0]])
                    assert status in (200, 202), (status, code)
                    status, code = await approve(client, run, GATE, tokens[twins[1]])
                    if status >= 300:  # an approval that says the same again is accepted, and is the first one
                        answered[run].add((twins[1], code))
                    assert (await here.events(run)).count("GateVoted") == 1
                    others = batch.chance.sample(crowd[1:], len(crowd) - 1)
                    answers = await asyncio.gather(*(approve(client, run, GATE, tokens[account]) for account in others))
                    counted = [account for account, (status, _) in zip(others, answers, strict=True) if status < 300]
                    late = [account for account, answer in zip(others, answers, strict=True) if answer[0] == 409]
                    assert (len(counted), len(late)) == (1, len(others) - 1), Counter(answers)
                    refused.update(late)
                    outcomes = zip(others, answers, strict=True)
                    answered[run] |= {(one, code) for one, (status, code) in outcomes if status == 409}
                    assert await recorded(here, run) == answered[run], "each refusal is in the run's history"
                    happened = await here.events(run)
                    assert (happened.count("GateVoted"), happened.count("GateDecided")) == (2, 1)
        logged = Counter(line.rpartition(" refused ")[2] for line in heard.lines if " refused " in line)
        assert {account: logged[account] for account in refused} == dict(refused), "each refusal is in the log"
        batch.add("refused approvals, each in the log", sum(refused.values()))
        batch.add("refused approvals, each in the history of its run", sum(len(one) for one in answered.values()))
        async with worker_here(here):
            ended = await to_the_end(here, company, runs)
        await count(batch, company, ended)
        await here.verify()


@pytest.mark.trial(row=7, batches=3, short=False)
async def test_an_approval_after_the_end_of_the_gate_does_not_count(
    batch: TrialBatch, install: Install, company: Company, hire: Hire
) -> None:
    async with install(packet=quick_packet(directory=company.directory is not None), worker=False) as here:
        runs = [await here.start(person) for person in await hire(batch.sized(1, 5))]
        async with worker_here(here):
            await at_their_gates(here, runs)
        ahead = VALID_FOR + timedelta(minutes=batch.chance.uniform(1, 600))
        await here.set_clock_ahead(ahead.total_seconds())
        async with web_process(here) as url, httpx.AsyncClient(base_url=url, timeout=120) as client:
            token = await token_for(here, "it")
            answers = await asyncio.gather(*(approve(client, run, GATE, token) for run in runs))
        assert [status for status, _ in answers] == [409] * len(runs), answers
        for run in runs:
            assert "GateVoted" not in await here.events(run)
            assert await recorded(here, run) == {("it", "gate_lapsed")}
        batch.add("approvals after the end", len(runs))
        async with worker_here(here):  # a new gate opens, and is approved in time
            ended = await to_the_end(here, company, runs)
        await count(batch, company, ended, intents_first=False)
        await here.verify()
