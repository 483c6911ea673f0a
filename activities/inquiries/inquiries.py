"""The activity that answers requests of the web process, which has no credentials of systems.

The engine carries the inquiry's id. Question and answer are in a sealed row, and so is everything that goes wrong: a
refusal comes back word for word, and what failed says where, why and what to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from temporalio import activity
from temporalio.exceptions import FailureError

from activities.connections import Connections
from activities.failures import log_unexpected, redacted
from activities.heartbeats import heartbeats
from activities.inquiries.account_owners import AccountOwnersList
from activities.inquiries.batch_checks import BatchChecks
from activities.inquiries.packet_system_tests import PacketSystemTests
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from activities.inquiries.previews import Previews
from activities.inquiries.reachability import check_systems
from activities.starts import Starts
from connectors.errors import ConnectorError
from connectors.people import Person
from orchestrator.commands import Services
from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.runs import questions as q
from orchestrator.documents.runs.previews.preview import Preview
from orchestrator.documents.system_test import SystemTested
from orchestrator.domain.commands import requests
from orchestrator.domain.commands.systems import require_listing
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate, TooOften
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.run.search_terms import MIN_SEARCH_CHARACTERS
from orchestrator.ledger.book.errors import LedgerError, LedgerUnavailable
from orchestrator.ledger.engine.inquiries import InquiryOutcome, InquiryRows, OpenInquiry
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.engine.system_reports import SystemSeen, keep_reports, last_reports
from orchestrator.ledger.proofs.verifications import VerificationKept, verify_and_keep
from orchestrator.reading.batches import BatchQueries
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer
from orchestrator.workflows.activity_stubs import InquiryRef

HEARTBEAT_SECONDS = 1.0  # between two heartbeats: a user waits for the page
_PHASES = ("production", "pilot", "shadow", "draft", "retired")
_IN_USE = _PHASES[:3]
Looked = (
    q.FindPeople
    | q.PersonFactsAsked
    | q.PreviewAsked
    | q.WhoSignsIn
    | q.CheckSystems
    | q.ListAccountOwners
    | q.VerifyLedger
)
"""Questions that are answered by looking; a start changes something."""


class InquiryActivities:
    def __init__(
        self,
        rows: InquiryRows,
        services: Services,
        queries: Queries,
        connections: Connections,
        rates: Rates,
        database_url: str,
        queues: frozenset[str],
        first: Packet | None = None,
    ) -> None:
        """A start is carried out with `services`. `database_url` is the ledger's, for a verification that shares no
        connection with what it verifies; `queues` are the task queues that this worker serves. `first` says which HR
        system knows the owners while there is no packet yet, which only they can adopt."""
        self._rows = rows
        self._keyring = services.keyring
        self._runs = services.runs
        self._queries = queries
        self._connections = connections
        self._previews = Previews(services.runs, services.keyring, queries, connections, rates, queues, first)
        self._starts = Starts(services, queries, connections, first)
        self._batch_checks = BatchChecks(services, queries, BatchQueries(rows.database, queries), connections)
        self._system_tests = PacketSystemTests(services.runs, services.keyring, connections, rows.database, queues)
        self._account_owners = AccountOwnersList(connections, queues)
        self._database_url = database_url
        self._queues = queues
        self._first = first
        self._verifying: asyncio.Task[VerificationKept] | None = None

    @activity.defn(name="answer_inquiry")
    @redacted
    async def answer_inquiry(self, inquiry: InquiryRef) -> None:
        """Answers once. What is answered already or has expired is left alone; while the ledger is away the engine
        asks again."""
        asked = await self._rows.unanswered(inquiry.inquiry_id)
        if asked is None:
            return
        async with heartbeats(HEARTBEAT_SECONDS):
            outcome, answer = await self._answer(inquiry.inquiry_id, asked)
        await self._rows.answer(inquiry.inquiry_id, asked.asked_by, outcome, answer.model_dump_json().encode())

    async def _answer(
        self, inquiry_id: str, asked: OpenInquiry
    ) -> tuple[InquiryOutcome, q.WorkerAnswer | q.Refused | q.Failed]:
        try:
            question = q.QUESTIONS.validate_json(asked.question)
            if isinstance(question, q.StartAsked):
                return "answered", await self._start(inquiry_id, asked.asked_by, question)
            if isinstance(question, q.BatchAsked):
                return "answered", await self._batch_checks.check(asked.asked_by, question, inquiry_id)
            if isinstance(question, q.SystemTestAsked):
                return "answered", await self._test_system(inquiry_id, asked.asked_by, question)
            return "answered", await self._look(question, asked.asked_by)
        except Refusal as refused:
            return "refused", _refused(refused)
        except ConnectorError as error:
            # Other systems that fail are part of an answer; only HR, who says who people are, cannot be done without.
            cause = f"it could not be queried: {error.detail or error.code}"
            return "failed", q.Failed(code=error.code, place="The HR system", cause=cause, remedy=error.remedy)
        except (LedgerUnavailable, FailureError):
            raise
        except LedgerError as error:
            code = "ledger_error"
            return "failed", q.Failed(code=code, place=error.place, cause=error.cause, remedy=error.remedy)
        except Exception as error:
            # A bug: the user who waits gets the error immediately, instead of endless retries.
            cause = f"an unexpected error occurred: {log_unexpected('an inquiry', error)}"
            remedy = "Check the worker's log and report the error."
            return "failed", q.Failed(code="unexpected", place="The worker", cause=cause, remedy=remedy)

    async def _start(self, inquiry_id: str, asked_by: str, question: q.StartAsked) -> q.Started:
        async def waits() -> bool:
            return await self._rows.unanswered(inquiry_id) is not None

        return await self._starts.start(asked_by, question, inquiry_id, waits)

    async def _look(self, question: Looked, asked_by: str) -> q.WorkerAnswer:
        match question:
            case q.FindPeople():
                return await self._find_people(question, asked_by)
            case q.PersonFactsAsked():
                people = People(self._connections, await self._prepared(question.packet, asked_by), self._keyring)
                return await people.facts(await people.find(question.wanted))
            case q.PreviewAsked():
                return await self._preview(question)
            case q.WhoSignsIn():
                return await self._who_signs_in(question)
            case q.CheckSystems():
                return await self._check_systems(question, asked_by)
            case q.ListAccountOwners():
                return await self._list_account_owners(question, asked_by)
            case q.VerifyLedger():
                kept = await self._verify()
                return q.LedgerVerified(
                    verified_at=kept.verified_at,
                    ok=kept.ok,
                    events=kept.events,
                    streams=kept.streams,
                    root=kept.root.hex(),
                    position=kept.position,
                    place=kept.place,
                    what=kept.what,
                    remedy=kept.remedy,
                )

    async def _verify(self) -> VerificationKept:
        """Each verification reads every row, so there is one at a time; its result is the answer for all who ask
        meanwhile."""
        if self._verifying is None or self._verifying.done():
            self._verifying = asyncio.create_task(verify_and_keep(self._rows.database, self._database_url))
        return await asyncio.shield(self._verifying)

    async def _find_people(self, question: q.FindPeople, asked_by: str) -> q.PeopleAnswer:
        packet = await self._prepared(question.packet, asked_by)
        text = question.text.strip()
        if len(text) < MIN_SEARCH_CHARACTERS:
            return q.PeopleAnswer(people=())
        found = await People(self._connections, packet, self._keyring).search(text, q.MAX_PEOPLE_FOUND + 1)
        listed = found[: q.MAX_PEOPLE_FOUND]
        hidden = await self._leaving_hidden(asked_by, [person.id for person in listed if person.status != "active"])
        shown = tuple(_match(person, shows_leaving=person.id not in hidden) for person in listed)
        return q.PeopleAnswer(people=shown, more=len(found) > q.MAX_PEOPLE_FOUND)

    async def _leaving_hidden(self, asked_by: str, hr_ids: Sequence[str]) -> set[str]:
        """Of people by HR's ids, those with a run under an embargo that the asker does not see. It may have entered the
        leaving in HR, and its cutoff is not for the asker."""
        known = {await self._keyring.find_person("hr", hr_id): hr_id for hr_id in hr_ids}
        known.pop(None, None)
        viewer = Viewer.of(actor_of(await self._runs.organisation(), asked_by))
        people = [person_id for person_id in known if person_id is not None]
        return {known[person_id] for person_id in await self._queries.leaving_hidden(viewer, people)}

    async def _preview(self, question: q.PreviewAsked) -> Preview:
        actor = actor_of(await self._runs.organisation(), question.actor_id)
        return await self._previews.look_ahead(actor, question)

    async def _who_signs_in(self, question: q.WhoSignsIn) -> q.SignsIn:
        for packet in await self._packets(question.packet):
            people = People(self._connections, packet, self._keyring)
            try:
                person = await people.find(question.wanted)
            except Invalid:
                continue
            actor = await people.actor_of(person, "", ())
            return q.SignsIn(
                human=actor.human,
                managers=tuple(sorted(actor.managers)),
                name=person.display_name or None,
                email=person.email or None,
                time_zone=person.time_zone or None,
            )
        return q.SignsIn()

    async def _packets(self, named: str | None) -> list[Packet]:
        """The named one; else one for each HR system there is, those in use first."""
        if named is not None:
            return [(await governing(self._runs, self._queries, named, None))[1]]
        lines = sorted(await self._queries.packets(), key=lambda line: (_PHASES.index(line.phase), line.name))
        # A draft's author would say who anyone is.
        lines = [line for line in lines if line.phase in _IN_USE]
        if not lines:
            if self._first is not None:
                return [self._first]
            raise Invalid(
                "unknown_packet",
                "No packet is in use yet, so the HR system is not known.",
                setting="OFFBOARD_FIRST_PACKET",
            )
        packets = [(await governing(self._runs, self._queries, line.name, None))[1] for line in lines]
        by_system = {
            repr((p.platform.hr.system, p.platform.systems[p.platform.hr.system])): p for p in reversed(packets)
        }
        return list(reversed(by_system.values()))

    async def _check_systems(self, question: q.CheckSystems, asked_by: str) -> q.SystemsChecked:
        actor = actor_of(await self._runs.organisation(), asked_by)
        _, packet = await governing(self._runs, self._queries, question.packet, actor, self._first)
        checked = await check_systems(self._runs, self._connections, packet, self._queues)
        seen = [SystemSeen(one.system, one.reachable, one.code, one.detail) for one in checked]
        at = await keep_reports(self._rows.database, packet.name, seen)
        reports = await last_reports(self._rows.database, packet.name)
        systems = tuple(one.model_copy(update={"answered_at": reports[one.system].answered_at}) for one in checked)
        return q.SystemsChecked(packet=packet.name, checked_at=at, systems=systems)

    async def _test_system(self, inquiry_id: str, asked_by: str, question: q.SystemTestAsked) -> SystemTested:
        actor = actor_of(await self._runs.organisation(), asked_by)
        _, packet = await governing(self._runs, self._queries, question.packet, actor, self._first)
        return await self._system_tests.run(inquiry_id, actor, packet, question)

    async def _list_account_owners(self, question: q.ListAccountOwners, asked_by: str) -> AccountOwners:
        actor = actor_of(await self._runs.organisation(), asked_by)
        _, packet = await governing(self._runs, self._queries, question.packet, actor, self._first)
        require_listing(question.system, actor, packet)

        async def hidden(hr_ids: Sequence[str]) -> set[str]:
            return await self._leaving_hidden(asked_by, hr_ids)

        hr = packet.platform.hr.system
        reads_hr = granted_level(packet.platform.levels, actor, hr, packet.name) is not None
        people = People(self._connections, packet, self._keyring)
        return await self._account_owners.of(packet, question.system, people, hidden, shows_people=reads_hr)

    async def _prepared(self, name: str, asked_by: str) -> Packet:
        """Only actors who may prepare runs of the packet can search people."""
        actor = actor_of(await self._runs.organisation(), asked_by)
        _, packet = await governing(self._runs, self._queries, name, actor, self._first)
        requests.require_prepare(actor, packet, packet, packet.name)
        return packet


def _match(person: Person, *, shows_leaving: bool) -> q.PersonMatch:
    return q.PersonMatch(
        hr_id=person.id,
        name=person.display_name,
        employee_number=person.employee_number,
        email=person.email,
        department=person.department,
        title=person.title,
        time_zone=person.time_zone,
        leaving=shows_leaving and person.status != "active",
        leaving_at=person.leaving_at if shows_leaving else None,
    )


def _refused(refused: Refusal) -> q.Refused:
    said: dict[str, Any] = {"code": refused.code, "message": refused.message, "facts": dict(refused.facts)}
    match refused:
        case NotAllowed():
            return q.Refused(type="NotAllowed", **said)
        case TooLate():
            return q.Refused(type="TooLate", **said)
        case TooOften():
            return q.Refused(type="TooOften", again_after=refused.again_after, **said)
        case Invalid():
            return q.Refused(type="Invalid", **said)
    return q.Refused(type="Refusal", **said)
