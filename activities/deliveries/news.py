"""Mails that are not about an open item: changes to runs, waivers, assignments, embargoes that end, services that end,
and records of HR that start no run.

They are collected, mailed once and recorded like open items. Changes to a run go to the other people with a role of HR,
or, under an embargo, to the people named in it. News of its end goes to the people named in it, and news of services to
safety owners.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from orchestrator.deciding.runs import Runs
from orchestrator.deciding.snapshots import OrganisationSnapshot, RunSnapshot
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.owners import hr_roles
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.organisation.services import TokenProgram, answers_for, services
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.postponing import postponing_roles
from orchestrator.domain.run.run import EMBARGO_ENDS_SOON
from orchestrator.domain.run.time import LONG_AGO
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.engine.notices import EventNotice, NoticeBook
from orchestrator.notifications.notices import News, PendingItem

EXPIRES_SOON: Final = timedelta(days=14)
"""How long before a service's token expires its safety owners are mailed."""
REVOKED: Final = e.TokenRevoked.type_name()
OF_RUNS: Final = tuple(
    kind.type_name()
    for kind in (
        e.RunRescheduled,
        e.RunHeld,
        e.RunEnded,
        e.LegalHoldLifted,
        e.ReplayRequested,
        e.ExceptionWaived,
        e.ExceptionAssigned,
    )
)

NewsByAccount = dict[str, list[PendingItem]]


async def news_for(
    runs: Runs, book: NoticeBook, snapshot: OrganisationSnapshot, departed: Collection[str]
) -> NewsByAccount:
    """By account. `departed` are the people (opaque ids) who have left."""
    organisation, now = snapshot.organisation, snapshot.now
    gone = {None, *departed}
    people = [one for one in organisation.actors.values() if one.kind == "person" and one.human not in gone]
    happened = await book.happened((*OF_RUNS, REVOKED))
    found: NewsByAccount = {}
    for item, readers in [
        *await _of_runs(runs, [one for one in happened if one.event_type != REVOKED], people),
        *await _of_embargoes(runs, await book.ending_embargoes(EMBARGO_ENDS_SOON), people),
        *_of_feeds(snapshot, await book.asking_feeds(), people),
        *_of_services(organisation, happened, _safety_owners(snapshot, people), departed, now),
    ]:
        for account in readers:
            found.setdefault(account, []).append(item)
    return found


def next_news(organisation: Organisation, now: datetime) -> list[datetime]:
    """When time alone makes news: a service's token expires, or does so soon."""
    ends = [one.expires_at for one in services(organisation.programs, organisation.actors, now) if one.expires_at]
    return [at for end in ends for at in (end - EXPIRES_SOON, end) if at > now]


async def _of_runs(
    runs: Runs, happened: Sequence[EventNotice], people: Sequence[Actor]
) -> list[tuple[PendingItem, list[str]]]:
    if not happened:
        return []
    before = {stream: min(one.version for one in happened if one.stream == stream) - 1 for stream in _streams(happened)}
    page = await runs.ledger.read(before)
    snapshots = await runs.load_many([stream.removeprefix("run:") for stream in before])
    wanted = {(one.stream, one.version) for one in happened}
    found = []
    for stream, recorded in page.events.items():
        run = snapshots[stream.removeprefix("run:")]
        if run.state.dry:
            continue
        for one in recorded:
            if (stream, one.version) in wanted and (said := _said(one.event, run, people)) is not None:
                found.append((_item(one, run, said), _readers(one.event, run, people)))
    return found


async def _of_embargoes(
    runs: Runs, ending: Sequence[str], people: Sequence[Actor]
) -> list[tuple[PendingItem, list[str]]]:
    """Under a new id once the end is moved. Not of an embargo that is shorter than this: it would be mailed with the
    start, to people who were chosen a moment before. Their inbox shows it."""
    found = []
    for run_id, run in (await runs.load_many(ending)).items() if ending else ():
        state, until = run.state, run.state.embargo_until
        if run.state.dry or until is None or run.world.now >= until or until - EMBARGO_ENDS_SOON <= state.requested_at:
            continue
        item = PendingItem(
            item_id=f"{run_id}/embargo-{until:%Y%m%dT%H%M%S}",
            run_id=run_id,
            kind="news",
            opened_at=until - EMBARGO_ENDS_SOON,
            due_at=None,
            news="embargo_ends",
            embargoed=True,
        )
        named = [one for one in people if one.actor_id in state.named and one.human != state.asked.person_id]
        found.append((item, [one.actor_id for one in named]))
    return found


def _streams(happened: Iterable[EventNotice]) -> list[str]:
    return list(dict.fromkeys(one.stream for one in happened))


def _said(event: Event, run: RunSnapshot, people: Sequence[Actor]) -> News | None:
    match event:
        case e.RunRescheduled(added_seconds=added) if added is not None:
            return "postponed"
        case e.RunEnded():
            return "cancelled"
        case e.LegalHoldLifted():
            return "legal_hold_lifted"
        case e.ReplayRequested(reopens=True):
            return "replayed"
        case e.ExceptionWaived():
            return "exception_waived"
        case e.ExceptionAssigned(by=by, to=to) if to not in ("", by):
            return "exception_assigned"
        case e.RunHeld(by=by):
            # Of a pause by an operator HR is asked to confirm it: an exception is mailed.
            roles = postponing_roles(run.world.pinned, run.world.current)
            return "paused" if any(one.actor_id == by and one.roles & roles for one in people) else None
    return None


def _readers(event: Event, run: RunSnapshot, people: Sequence[Actor]) -> list[str]:
    """The other people with a role of HR who see the run, and who placed a legal hold that was lifted; of an assignment
    only its new owner; never the leaver."""
    by = str(getattr(event, "by", ""))
    human = run.world.actors[by].human if by in run.world.actors else None
    roles = postponing_roles(run.world.pinned, run.world.current)
    lifted = event.hold_id if isinstance(event, e.LegalHoldLifted) else None
    placers = {hold.placed.by for hold in run.state.legal_holds if hold.placed.hold_id == lifted}
    excluded = (human, run.state.asked.person_id)
    return [
        one.actor_id
        for one in people
        if _hears(event, one, roles, placers)
        and one.actor_id != by
        and one.human not in excluded
        and visibility.sees(run.state, one, run.world)
    ]


def _hears(event: Event, one: Actor, roles: Collection[str], placers: Collection[str]) -> bool:
    if isinstance(event, e.ExceptionAssigned):
        return one.actor_id == event.to
    return not one.roles.isdisjoint(roles) or one.actor_id in placers


def _item(recorded: Recorded, run: RunSnapshot, said: News) -> PendingItem:
    until = run.state.embargo_until
    return PendingItem(
        item_id=f"{run.state.run_id}/news-{recorded.version}",
        run_id=run.state.run_id,
        kind="news",
        opened_at=recorded.recorded_at,
        due_at=None,
        news=said,
        embargoed=until is not None and run.world.now < until,
    )


def _safety_owners(snapshot: OrganisationSnapshot, people: Sequence[Actor]) -> list[str]:
    """Of the packets that are in use."""
    in_use = [shelf.current for shelf in snapshot.shelves.values() if shelf.history.current is not None]
    owners = {packet.platform.safety_owner for packet in in_use if packet is not None}
    return [one.actor_id for one in people if one.roles & owners]


def _of_services(
    organisation: Organisation,
    happened: Sequence[EventNotice],
    owners: Sequence[str],
    departed: Collection[str],
    now: datetime,
) -> list[tuple[PendingItem, list[str]]]:
    found: dict[str, tuple[News, datetime]] = {}
    for one in services(organisation.programs, organisation.actors, now):
        if answers_for(one, organisation.actors, departed) is None:
            found[f"{one.token_id}/without-owner"] = ("service_without_owner", LONG_AGO)
        if one.expires_at is not None and one.expires_at - EXPIRES_SOON <= now:
            found[f"{one.token_id}/expires"] = ("service_expires", one.expires_at - EXPIRES_SOON)
    revoked = {one.event_key.removeprefix("token-revoked:"): one for one in happened if one.event_type == REVOKED}
    for program in _services_of_all(organisation):
        if program.token_id in revoked:
            found[f"{program.token_id}/revoked"] = ("service_revoked", revoked[program.token_id].recorded_at)
        elif program.expires_at is not None and now - EXPIRES_SOON < program.expires_at <= now and not program.revoked:
            found[f"{program.token_id}/expired"] = ("service_expired", program.expires_at)
    return [
        (PendingItem(f"service/{about}", "", "news", at, None, news=said), list(owners))
        for about, (said, at) in found.items()
    ]


def _of_feeds(
    snapshot: OrganisationSnapshot, asking: Sequence[tuple[str, str, datetime]], people: Sequence[Actor]
) -> list[tuple[PendingItem, list[str]]]:
    """To HR, of packets that are in use: which record it is, is on the page Systems."""
    found = []
    for name, asks, at in asking:
        shelf = snapshot.shelves.get(name)
        if shelf is None or shelf.current is None or shelf.history.current is None:
            continue
        roles = set(hr_roles(shelf.current))
        item = PendingItem(f"feed/{name}/{asks}", "", "news", at, None, news="hr_records")
        found.append((item, [one.actor_id for one in people if one.roles & roles]))
    return found


def _services_of_all(organisation: Organisation) -> list[TokenProgram]:
    actors: Mapping[str, Actor] = organisation.actors
    known = organisation.programs.values()
    return [one for one in known if one.actor_id in actors and actors[one.actor_id].kind == "service"]
