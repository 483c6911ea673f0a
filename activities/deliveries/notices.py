"""Mails about open items.

Reads each account's items with the query of its inbox, so that no mail says what the account may not see or do. Records
what was mailed, so that nothing is sent twice.

An attempt that was interrupted continues where it stopped: each recipient is recorded as soon as the mail server has
accepted their message. One message can be repeated if the process ends between the two, or if the server's answer is
lost. A repeated message has the same Message-ID, by which mail systems recognise it, unless new items have been added.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.deliveries.news import NewsByAccount, news_for, next_news
from activities.failures import redacted
from connectors.errors import ConnectorError, RefusedError, TryAgainError
from connectors.protocols.smtp import MailServer, ascii_address, message_id
from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.deciding.runs import Runs
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.engine.notices import AGAIN, NoticeBook
from orchestrator.notifications.notice_words import letter
from orchestrator.notifications.notices import RETRY_AFTER_REFUSAL, Notice, PendingItem, due_notices
from orchestrator.reading.queries import MAX_PAGE_SIZE, Queries
from orchestrator.reading.rows import Item
from orchestrator.reading.visibility import Viewer
from orchestrator.workflows.activity_stubs import NextLook

log = logging.getLogger("offboard.notices")

MAIL_TIMEOUT_SECONDS = 20.0  # to hand one message to the mail server
MAX_SENDING_SECONDS = 60.0  # after that, another attempt sends the rest
MAX_RECIPIENTS = 2000
MAX_SLEEP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Post:
    """How notices leave: `sender` is an address, `public_url` where people reach Offboard (no slash at its end),
    `gather` how long a first notice waits for company."""

    server: MailServer
    sender: str
    public_url: str
    gather: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address and the accounts of its reader."""

    address: str
    zone: str | None
    actors: tuple[Actor, ...]

    @property
    def actor_ids(self) -> tuple[str, ...]:
        return tuple(actor.actor_id for actor in self.actors)


class NoticeActivities:
    """`cluster` names Temporal's as last seen. Without a `post` notices are off."""

    def __init__(
        self, runs: Runs, queries: Queries, book: NoticeBook, cluster: Callable[[], str], post: Post | None
    ) -> None:
        self._runs = runs
        self._queries = queries
        self._book = book
        self._cluster = cluster
        self._post = post

    @activity.defn(name="send_notices")
    @redacted
    async def send_notices(self) -> NextLook:
        if self._post is None:
            return NextLook(in_seconds=None)
        await self._book.forget_old()
        sending = _Sending(self._post)
        now, began = await self._runs.ledger.now(), time.monotonic()
        queries = self._queries.for_one_answer()  # the roles and packets behind all inboxes are read once
        snapshot = await queries.organisation_snapshot()
        organisation = snapshot.organisation
        looks = await self._other_looks(organisation, now)
        departed = await self._runs.ledger.departed(_people(organisation))
        news = await news_for(self._runs, self._book, snapshot, departed)
        for recipient in await self._recipients(organisation, departed, news):
            activity.heartbeat()
            if (again := await self._notify(recipient, news, queries, sending)) is not None:
                looks.append(again)
            if sending.broken or sending.used_up:
                break
        if sending.failure is not None:
            # Without the server's text, which may quote an address.
            log.warning("notices are delayed, the mail server is not available: %s", sending.failure.code)
            raise ApplicationError("mail server", type=f"MailServer.{sending.failure.code}")
        wait = MAX_SLEEP.total_seconds()
        if not sending.used_up:
            await self._book.forget_news()
        if sending.used_up:
            wait = 0.0
        elif looks:
            wait = min(wait, max((min(looks) - now).total_seconds(), 0.0) + 0.05)
        # The workflow waits from now on. By the clock that this look read, so that what begins meanwhile is not missed.
        await self._book.will_look(self._cluster(), now + timedelta(seconds=wait + time.monotonic() - began))
        return NextLook(in_seconds=wait)

    async def _other_looks(self, organisation: Organisation, now: datetime) -> list[datetime]:
        """When time alone puts things before other people: a delegation begins, an embargo ends, a token expires."""
        given = [one.said.since for one in organisation.delegations.values() if not one.ended and one.said.since > now]
        embargo = await self._book.next_embargo_ends()
        return [*given, *next_news(organisation, now), *([embargo] if embargo is not None else [])]

    async def _recipients(
        self, organisation: Organisation, left: Collection[str], news: NewsByAccount
    ) -> list[Recipient]:
        """`left` are the people (opaque ids) who have left. Accounts that were named to decide need no role."""
        wanted = await self._book.roles_waited_for()
        other = {*await self._book.assigned(), *news}
        people = [
            actor
            for actor in organisation.actors.values()
            if actor.kind == "person" and (actor.actor_id in other or _roles_of(actor, organisation) & wanted)
        ]
        accounts: dict[str, list[Actor]] = {}
        without = 0
        for actor in people:
            if actor.human is not None and actor.human in left:
                continue
            address = organisation.recorded[actor.actor_id].email
            if address is None or not _can_be_mailed(address):
                without += 1
                continue
            accounts.setdefault(address.casefold(), []).append(actor)
        if without:
            log.info("notices: %d accounts with open items have no mail address", without)
        if len(accounts) > MAX_RECIPIENTS:
            log.error("notices: %d recipients, of whom %d are mailed", len(accounts), MAX_RECIPIENTS)
        found = []
        for actors in list(accounts.values())[:MAX_RECIPIENTS]:
            said = organisation.recorded[actors[0].actor_id]
            assert said.email is not None
            found.append(Recipient(said.email, said.time_zone, tuple(actors)))
        return found

    async def _notify(
        self, recipient: Recipient, news: NewsByAccount, queries: Queries, sending: _Sending
    ) -> datetime | None:
        """Mails one recipient's due items, and returns when their items are checked again."""
        waiting, now = await self._waiting_for(recipient, queries)
        news_items = {item.item_id: item for account in recipient.actor_ids for item in news.get(account, ())}
        waiting += news_items.values()
        sent = await self._book.sent_to(recipient.actor_ids)
        due, again = due_notices(waiting, sent, now, sending.post.gather)
        if not due:
            return again
        outcome = await sending.send(due, recipient, now)
        if outcome == "accepted":
            # A worker that is being stopped still records it.
            await asyncio.shield(self._book.keep([(n.waiting.item_id, n.kind) for n in due], recipient.actor_ids[0]))
        elif outcome == "refused":
            await self._book.keep([(n.waiting.item_id, "refused") for n in due], recipient.actor_ids[0])
            log.warning("notices: the mail server rejects the address of account %s", recipient.actor_ids[0])
            later = now + RETRY_AFTER_REFUSAL
            return later if again is None else min(again, later)
        return again

    async def _waiting_for(self, recipient: Recipient, queries: Queries) -> tuple[list[PendingItem], datetime]:
        """All that waits for any of the recipient's accounts, the most urgent first."""
        items: dict[str, Item] = {}
        for actor in recipient.actors:
            inbox = await queries.inbox(Viewer.of(actor), limit=MAX_PAGE_SIZE, names=False, snoozed=True)
            # A mail about a dry run could be read as news of a leaving.
            items |= {_notice_id(item): item for item in inbox.items if not item.shadow}
        embargoed = await self._book.embargoed({item.run_id for item in items.values()}) if items else frozenset()
        # Read after the items, so that the version of each item is there, and once for all items of a packet.
        packets = {item.packet for item in items.values() if item.run_id not in embargoed}
        shelves = {packet: await self._runs.shelf(packet) for packet in packets}
        waiting = [
            _described(item_id, item, None if item.run_id in embargoed else shelves[item.packet])
            for item_id, item in items.items()
        ]
        if len(recipient.actors) > 1:
            waiting.sort(key=lambda item: (item.due_at is None, item.due_at or item.opened_at, item.item_id))
        return waiting, inbox.now


class _Sending:
    """One attempt's messages. A recipient whose message is not taken delays no other; a server that cannot
    be spoken to ends the attempt."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.failure: ConnectorError | None = None
        self.broken = False
        self._spent = 0.0

    @property
    def used_up(self) -> bool:
        return self._spent > MAX_SENDING_SECONDS

    async def send(self, due: Sequence[Notice], recipient: Recipient, now: datetime) -> str:
        """`accepted`, `refused` for good, or `failed`. An address that no header or server takes is refused."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            message = _message(due, recipient, self.post, now)
            await self.post.server.send(message, [recipient.address], deadline=MAIL_TIMEOUT_SECONDS)
        except (RefusedError, ValueError, IndexError):  # the parser of headers raises the latter two
            return "refused"
        except ConnectorError as error:
            self.failure = error
            # "Come back later" (4yz) may be about this recipient alone.
            self.broken = not (isinstance(error, TryAgainError) and error.code == "system_failed")
            return "failed"
        finally:
            self._spent += clock() - began
        return "accepted"


def _message(notices: Sequence[Notice], recipient: Recipient, post: Post, now: datetime) -> EmailMessage:
    """The same notices to the same recipient have the same Message-ID, however often it is made."""
    written = letter(notices, post.public_url, recipient.zone, now)
    about = "\0".join(sorted(f"{notice.waiting.item_id}\0{notice.kind}" for notice in notices))
    message = EmailMessage()
    message["From"] = post.sender
    message["To"] = ascii_address(recipient.address)
    message["Subject"] = written.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = message_id(f"notice\0{recipient.actor_ids[0]}\0{about}", post.sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses out-of-office replies
    message.set_content(written.text)
    return message


def _notice_id(item: Item) -> str:
    """An exception whose waiver has ended is mailed like a new one."""
    reopened = item.detail.get("reopened_at")
    return f"{item.run_id}/{item.id}" + (f"{AGAIN}{reopened}" if reopened else "")


def _described(item_id: str, item: Item, shelf: PacketShelf | None) -> PendingItem:
    """`shelf` is that of the item's packet, or None for a run under embargo, of which no title is mailed."""
    reopened = item.detail.get("reopened_at")
    opened_at = datetime.fromisoformat(reopened) if reopened else item.opened_at
    known = PendingItem(item_id, item.run_id, item.kind, opened_at, item.due_at, embargoed=shelf is None)
    if shelf is None:
        return known
    return replace(
        known,
        title=_title(shelf.version(item.packet_version), item),
        steps=int(item.detail.get("steps") or 0),
        exception=str(item.detail.get("exception") or ""),
        close=bool(item.detail.get("close")),
    )


def _title(packet: Packet, item: Item) -> str:
    if item.kind == "gate":
        gate = packet.approvals.decisions.get(str(item.detail.get("gate")))
        return gate.title if gate is not None else ""
    if item.kind == "task":
        name = item.detail.get("step")
        return next((step.title for step in packet.workflow.steps if step.name == name), "")
    return ""


def _people(organisation: Organisation) -> set[str]:
    return {actor.human for actor in organisation.actors.values() if actor.human is not None}


def _roles_of(actor: Actor, organisation: Organisation) -> frozenset[str]:
    """Also those of colleagues who ever delegated to them: whether that holds now is the inbox's to say."""
    lent = [
        organisation.actors.get(given.said.by)
        for given in organisation.delegations.values()
        if given.said.to == actor.actor_id
    ]
    return actor.roles.union(*(one.roles for one in lent if one is not None))


def _can_be_mailed(address: str) -> bool:
    """One plain address: what has a line break or several addresses in it goes into no header."""
    name, at, host = address.rpartition("@")
    return bool(name and at and host) and address.isprintable() and not set(address) & set(' ,;<>"()[]\\')
