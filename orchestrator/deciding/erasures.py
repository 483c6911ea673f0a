"""Decisions about the erasure of a person, on the person's stream.

An append names the versions of all runs of the person, of the person's stream and of the accounts: a run that is
started, opened again, or placed under a legal hold at the same time makes it decide again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.domain import events as e
from orchestrator.domain.commands.erasing import PersonRecords
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.erasures import erasure_of
from orchestrator.domain.organisation.starts import KEPT_FOR
from orchestrator.ledger.access.keyed_requests import keyed_append
from orchestrator.ledger.book.records import StreamAppend


@dataclass(frozen=True, slots=True)
class PersonSnapshot:
    """The run that names the person, and what else there is about the person. `version` is that of the person's stream,
    `runs` are all runs of the person."""

    run: RunSnapshot
    runs: Sequence[RunSnapshot]
    records: PersonRecords
    version: int

    @property
    def person_id(self) -> str:
        return self.run.state.asked.person_id


DecideAboutPerson = Callable[[PersonSnapshot], Sequence[Event]]


async def person_of(runs: Runs, run_id: str) -> PersonSnapshot:
    """Raises `Invalid` if there is no such run."""
    person_id = (await runs.load(run_id)).state.asked.person_id
    stream = e.person_stream(person_id)
    page = await runs.ledger.read({stream: 0})  # before the runs: one that is started since changes this stream
    found = await runs.load_many([*dict.fromkeys([run_id, *await runs.ledger.runs_of(person_id)])])
    starts, now = await runs.starts.read()
    held = any(one.held.person_id == person_id and now < one.at + KEPT_FOR for one in starts.held.values())
    records = PersonRecords(
        erasure_of((recorded.event, recorded.recorded_at) for recorded in page.events[stream]),
        tuple((one.state, one.world) for one in found.values()),
        held,
    )
    return PersonSnapshot(found[run_id], tuple(found.values()), records, page.version(stream))


async def decide_about_person(
    runs: Runs, run_id: str, subject: str | None, decide: DecideAboutPerson
) -> tuple[PersonSnapshot, Sequence[Event]]:
    """`subject` is the person under whose key personal fields are encrypted. Raises what `decide` raises, and
    `LedgerUnavailable`."""

    person_id = (await runs.load(run_id)).state.asked.person_id
    keyed = keyed_append(e.person_stream(person_id))
    if earlier := await keyed.found(runs.ledger):
        return await person_of(runs, run_id), [recorded.event for recorded in earlier]

    async def attempt() -> tuple[PersonSnapshot, Sequence[Event]]:
        about = await person_of(runs, run_id)
        wanted = decide(about)
        if wanted:
            rests_on = [StreamAppend(e.run_stream(one.state.run_id), one.state.version) for one in about.runs]
            rests_on.append(StreamAppend(e.ORGANISATION, about.run.read_versions[e.ORGANISATION]))
            decided = StreamAppend(
                e.person_stream(about.person_id), about.version, drafts(wanted, about.version, subject)
            )
            await runs.ledger.append([decided, *rests_on], append_id=keyed.append_id)
        return about, wanted

    return await until_appended(attempt)
