"""Previews of a run, computed in memory. No event is written, and no system is changed.

It uses the same rules of searching, matching and planning as a run, but nothing is recorded. Account ids are made with
a temporary key, so that they differ from those of the later run. Each question carries the accounts behind its ids,
sealed, so that it can be answered with the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from activities.attempts.accounts import AccountsFound, find_accounts
from activities.connections import Connections
from activities.inquiries.account_access import read_access
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from activities.inquiries.reachability import elsewhere
from orchestrator.deciding.packet_shelf import version_for
from orchestrator.deciding.person_runs import last_run_of
from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import StartContext
from orchestrator.documents.runs.previews.duties import duty_document
from orchestrator.documents.runs.previews.preview import Preview, PreviewDuty, is_asked, preview
from orchestrator.documents.runs.previews.shown_matches import MatchShown
from orchestrator.documents.runs.questions import RunTerms
from orchestrator.domain import events as e
from orchestrator.domain.commands import legal_holding, requests
from orchestrator.domain.organisation.duties import duties_of
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.planning import searching
from orchestrator.domain.planning.planning import make_plan
from orchestrator.domain.run.run import RunState, fold
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.persons.keys import Keyring, new_person_id
from orchestrator.ledger.persons.sealing import KEY_BYTES, PersonKey
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer


class Previews:
    def __init__(
        self,
        runs: Runs,
        keyring: Keyring,
        queries: Queries,
        connections: Connections,
        rates: Rates | None = None,
        queues: frozenset[str] | None = None,
        first: Packet | None = None,
    ) -> None:
        """`queues` are the task queues that are served here, None for a caller that is not bound to any; `first` is as
        for `governing`."""
        self._runs = runs
        self._keyring = keyring
        self._queries = queries
        self._connections = connections
        self._rates = rates
        self._queues = queues
        self._first = first

    async def look_ahead(self, actor: Actor, terms: RunTerms) -> Preview:
        """What a run would do that `actor` started under these terms. Refused exactly where the start would be; an open
        run that the actor does not see makes no difference. Raises `ConnectorError` where HR cannot be asked. Other
        systems that fail are part of the answer."""
        shelf, current = await governing(self._runs, self._queries, terms.packet, actor, self._first)
        people = People(self._connections, current, self._keyring)
        person = await people.facts_to_search_by(await people.find(terms.wanted), terms.wanted)
        cutoff = terms.cutoff_for(person)
        version = version_for(shelf, terms.packet, person, shadow=terms.shadow)
        pinned = shelf.version(version.version)
        now = await self._runs.ledger.now()
        key = await self._key(person)
        organisation = await self._runs.organisation()
        departed = await self._runs.departures.departed(organisation)
        dry = version.phase == "shadow"
        last_run = await last_run_of(self._runs.ledger, self._runs.load, key.person_id) if dry else None
        context = StartContext(last_run, shelf, organisation, now, self._runs.abilities, departed=departed)
        asked = requests.request_run(
            run_id="preview",
            person_id=key.person_id,
            person=person,
            cutoff=cutoff,
            urgent=terms.urgent,
            actor=context.requester(actor, key.person_id),
            packet=pinned,
            phase=version.phase,
            open_run=await self._queries.open_run_of(Viewer.of(actor), key.person_id),
            now=now,
            embargo=terms.embargo(),
            shadow=terms.shadow,
            beside=context.embargo_seen_by(actor),
            actors=organisation.actors,
            abilities=self._runs.abilities,
            sign_in=SignIn(recent=True),  # a preview changes nothing
        )
        world = context.world(version.version)
        found = await self._found(person, key, pinned, current)
        details = {account.account_id: account.model_dump(mode="json") for account in found.accounts}
        state = fold(RunState(), asked, now)
        for hold in legal_holding.by_condition(pinned, asked):
            state = fold(state, hold, now)
        state = fold(state, e.AccountsSearched(results=found.results, details=details), now)
        state = fold(state, make_plan(state, pinned, self._runs.abilities), now)
        handles = {
            result.system: MatchShown.of(person.hr_id, now, result, found.accounts).sealed(
                self._keyring, actor.actor_id
            )
            for result in found.results
            if is_asked(pinned, result)
        }
        read = await read_access(
            list(state.plan.steps.values()), found.accounts, pinned, current, self._connections, self._rates
        )
        duties = await self._duties(key.person_id, actor, context) if not dry else ()
        restore = await self._queries.open_restore_of(Viewer.of(actor), key.person_id) if not dry else None
        return preview(
            state,
            pinned,
            found.results,
            found.troubles,
            actor,
            world,
            handles,
            duties,
            read.recorded,
            read.troubles,
            restore,
        )

    async def _duties(self, person_id: str, actor: Actor, context: StartContext) -> list[PreviewDuty]:
        """What the leaver holds here. An account without a role does not read who has which role."""
        if not actor.roles:
            return []
        viewer = Viewer.of(actor)
        packets = await self._queries.readable_packets(viewer)
        held = duties_of(person_id, context.organisation, packets, context.departed, context.now)
        return [
            duty_document(duty, await self._queries.waiting_for_role(viewer, duty.name))
            if duty.kind == "role" and duty.missing
            else duty_document(duty)
            for duty in held
        ]

    async def _key(self, person: PersonFacts) -> PersonKey:
        """Who it is matters, since people cannot act on their own offboarding; their key does not: ids that are the
        same each time would reveal that there is a run for this person, or was."""
        person_id = await self._keyring.person_for("hr", person.hr_id, create=False)
        return PersonKey(person_id or new_person_id(), secrets.token_bytes(KEY_BYTES))

    async def _found(self, person: PersonFacts, key: PersonKey, pinned: Packet, current: Packet) -> AccountsFound:
        here: list[tuple[str, searching.Purpose]] = []
        results: dict[str, e.SystemSearched] = {}
        troubles: dict[str, str] = {}
        searched = searching.searched_systems(pinned)
        for system in searched:
            spec = searching.reached_by(system, pinned, current)
            if (why := elsewhere(system, spec, self._queues)) is None:
                here.append((system, "plan"))
            else:
                results[system] = e.SystemSearched(
                    system=system, purpose="plan", outcome="failed", code="own_network_only"
                )
                troubles[system] = why
        found = await find_accounts(person, key, pinned, current, here, self._connections, self._rates)
        results |= {result.system: result for result in found.results}
        return AccountsFound(_in_order(searched, results), found.accounts, troubles | found.troubles)


def _in_order(systems: Sequence[str], results: dict[str, e.SystemSearched]) -> tuple[e.SystemSearched, ...]:
    return tuple(results[system] for system in systems)
