"""The text of a notice. Mail passes through systems that other people can read, so a notice has no person's name,
number, department or account: only the kind of item, the packet's title for it, and the due date.

A notice about a run under embargo has only "an item".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.notifications.notices import News, Notice, PendingItem
from orchestrator.vocabulary.states import in_sentence

MAX_LISTED = 20
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
"""Names of months, the same in every locale."""
UNNAMED = "item"

_NAMED = {"gate": "approval", "task": "task", "exception": "exception", "review": "review"}
_NEWS: Mapping[News, str] = {
    "postponed": "A cutoff was moved to a later time",
    "paused": "A run was paused",
    "cancelled": "A run was cancelled",
    "service_revoked": "The API token of a service was revoked",
    "service_expires": "The API token of a service expires soon",
    "service_expired": "The API token of a service has expired",
    "service_without_owner": "A service has no owner who can act",
    "embargo_ends": "An embargo ends soon",
    "legal_hold_lifted": "A legal hold was lifted",
    "replayed": "A completed run was replayed",
    "exception_waived": "An exception was waived",
    "exception_assigned": "An exception was assigned to you",
    "hr_records": "Records of HR that start runs need your attention",
}
"""What people are informed of. Services have names of programs, which mails leave out as well."""
_REQUESTED = {"gate": "Approve or reject", "task": "Complete", "exception": "Resolve", "review": "Review"}


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


def letter(notices: Sequence[Notice], public_url: str, zone: str | None, now: datetime) -> Letter:
    """One message about all of `notices`, at least one; times in the recipient's `zone`. `public_url` is where people
    reach Offboard, without a slash at its end."""
    inbox = f"{public_url}/inbox"
    if len(notices) == 1:
        subject, lines = _single(notices[0], public_url, zone, now)
    else:
        subject, lines = _digest(notices, public_url, zone, now)
    lines += ["", f"Your inbox: {inbox}", "", *_FOOTER]
    return Letter(f"Offboard: {subject}", "\n".join(lines) + "\n")


_FOOTER = ("You receive this message because your role can act on it. Please do not reply.",)


def _single(notice: Notice, public_url: str, zone: str | None, now: datetime) -> tuple[str, list[str]]:
    waiting = notice.waiting
    if (said := _news(waiting)) is not None:
        return said, [f"{said}.", "", _link(waiting, public_url)]
    needed = f"{_item(waiting)} {'still needs' if notice.kind == 'reminder' else 'needs'} your attention"
    return needed, [f"{needed}{_about(waiting)}.", *_by(waiting, zone, now), "", _link(waiting, public_url)]


def _digest(notices: Sequence[Notice], public_url: str, zone: str | None, now: datetime) -> tuple[str, list[str]]:
    still = all(notice.kind == "reminder" for notice in notices)
    subject = f"{len(notices)} items {'still need' if still else 'need'} your attention"
    lines = [f"{subject}, most urgent first:"]
    for number, notice in enumerate(notices[:MAX_LISTED], start=1):
        waiting = notice.waiting
        if (said := _news(waiting)) is not None:
            lines += ["", f"{number}. {said}.", f"   {_link(waiting, public_url)}"]
            continue
        reminder = " (reminder)" if notice.kind == "reminder" and not still else ""
        sentences = [f"{_item(waiting)}{_about(waiting)}{reminder}.", *_by(waiting, zone, now)]
        lines += ["", f"{number}. {' '.join(sentences)}", f"   {_link(waiting, public_url)}"]
    if len(notices) > MAX_LISTED:
        lines += ["", f"And {len(notices) - MAX_LISTED} more."]
    return subject, lines


def _news(waiting: PendingItem) -> str | None:
    return _NEWS[waiting.news] if waiting.news is not None and not waiting.embargoed else None


def _item(waiting: PendingItem) -> str:
    """`An approval`; with a capital letter, since it begins a sentence."""
    named = UNNAMED if waiting.embargoed else "signature" if waiting.close else _NAMED.get(waiting.kind, UNNAMED)
    return f"{'An' if named[0] in 'aeiou' else 'A'} {named}"


def _about(waiting: PendingItem) -> str:
    if waiting.embargoed or waiting.kind not in _NAMED:
        return ""
    if waiting.kind in ("exception", "review"):
        rule = RULES.get(waiting.exception)
        return f": {in_sentence(rule.title)}" if rule is not None else ""
    title = f": {waiting.title}" if waiting.title else ""
    if waiting.kind == "gate" and waiting.steps:
        return f"{title}, {waiting.steps} {'step' if waiting.steps == 1 else 'steps'}"
    return title


def _by(waiting: PendingItem, zone: str | None, now: datetime) -> list[str]:
    if waiting.due_at is None or waiting.embargoed:
        return []
    shown = when(waiting.due_at, zone)
    if waiting.due_at <= now:
        return [f"It was due on {shown}."]
    requested = "Sign or reject" if waiting.close else _REQUESTED.get(waiting.kind, "Due")
    return [f"{requested} by {shown}."]


def _link(waiting: PendingItem, public_url: str) -> str:
    if waiting.news == "hr_records":
        return f"{public_url}/systems"
    if waiting.news is not None and not waiting.run_id:
        return f"{public_url}/tokens"
    return f"{public_url}/inbox" if waiting.embargoed else f"{public_url}/runs/{waiting.run_id}"


def when(at: datetime, zone: str | None) -> str:
    """`27 Nov 2026 18:00 (Europe/Berlin)`; in UTC where the zone is not known."""
    name, there = _zone(zone)
    local = at.astimezone(there)
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local:%H:%M} ({name})"


def _zone(zone: str | None) -> tuple[str, tzinfo]:
    try:
        return (zone, ZoneInfo(zone)) if zone else ("UTC", UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC", UTC
