"""A run while it is put together on the pages: who leaves, when, and for whom it exists. Nothing is written yet.

It travels in the pages' own forms, sealed for the requester, so that neither a name nor a number is in an address
and a sign-in in between loses nothing.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from starlette.datastructures import FormData

from orchestrator.documents.runs.previews.shown_matches import Answered
from orchestrator.documents.runs.questions import PersonMatch, PreviewAsked, StartAsked
from orchestrator.documents.runs.shown import Shown
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.web.access.forms import text, texts
from orchestrator.web.pages.new_run.local_times import as_local, instant_given
from orchestrator.web.pages.remedies import remedy_of

MAX_NAMED = 100
_OF_ZONE = ("unknown_zone", "cutoff_without_zone")
_TWICE = "This time occurs twice because the clocks are set back. Choose one below."


class RunDraft(Shown):
    """`cutoff` and `embargo_until` are local times in `zone`, as typed; `offset` (`+01:00`) says which of two is meant
    where the clocks are put back. `sure` is the confirmation of an urgent start, `shadow` asks for a dry run."""

    packet: str
    person: PersonMatch
    urgent: bool = False
    shadow: bool = False
    sure: bool = False
    cutoff: str = ""
    offset: str = ""
    zone: str = ""
    embargoed: bool = False
    embargo_until: str = ""
    named: tuple[str, ...] = ()

    @classmethod
    def begin(cls, packet: str, person: PersonMatch, zone: str) -> RunDraft:
        """With what HR says: their zone (`zone` where HR knows none), and when they leave."""
        person_zone = person.time_zone or zone
        return cls(packet=packet, person=person, cutoff=as_local(person.leaving_at, person_zone), zone=person_zone)

    @classmethod
    def of(cls, asked: PreviewAsked) -> RunDraft:
        """What a preview was asked for. Raises `Invalid` for one that no page asked for."""
        if asked.chosen is None:
            raise Invalid("unknown_inquiry", "This request was not found, or it has expired.")
        zone = asked.zone or asked.chosen.time_zone
        until = asked.embargo_until
        return cls(
            packet=asked.packet,
            person=asked.chosen,
            urgent=asked.urgent,
            shadow=asked.shadow,
            sure=asked.urgent,
            cutoff=(asked.cutoff or "")[:16],
            offset=(asked.cutoff or "")[16:],
            zone=zone,
            embargoed=until is not None,
            embargo_until=as_local(until, zone),
            named=asked.named,
        )

    def typed(self, form: FormData) -> RunDraft:
        """With what was filled in."""
        cutoff = text(form, "cutoff")[:40]
        return self.model_copy(
            update={
                "packet": text(form, "packet")[:200] or self.packet,
                "urgent": text(form, "when") == "urgent",
                "shadow": text(form, "shadow") == "yes",
                "sure": text(form, "sure") == "yes",
                "cutoff": cutoff,
                "offset": text(form, "offset")[:6],
                "zone": text(form, "zone")[:100] or self.zone,
                "embargoed": text(form, "embargoed") == "yes",
                "embargo_until": text(form, "embargo_until")[:40],
                "named": tuple(one[:200] for one in texts(form, "named")[:MAX_NAMED]),
            }
        )

    def faults(self) -> list[tuple[str, str]]:
        """What cannot be so, each as the field's id and words; the domain's own where it has an opinion."""
        return [*self._cutoff_faults(), *self._embargo_faults()]

    def _cutoff_faults(self) -> Iterator[tuple[str, str]]:
        if self.urgent:
            if not self.sure:
                yield "sure", "An urgent start removes access before approval. Confirm this to continue."
        elif not self.cutoff:
            yield "cutoff", "Enter when access ends."
        else:
            try:
                self.cutoff_given()
            except Refusal as refused:
                said = _TWICE if refused.code == "cutoff_twice" else with_remedy(refused)
                yield "zone" if refused.code in _OF_ZONE else "cutoff", said

    def _embargo_faults(self) -> Iterator[tuple[str, str]]:
        if self.embargoed:
            try:
                self.embargo()
            except Refusal as refused:
                yield "embargo_until", with_remedy(refused)

    def cutoff_given(self) -> Cutoff | None:
        """None for an urgent start. Raises `Invalid` as of `parse_cutoff`."""
        if self.urgent:
            return None
        try:
            return parse_cutoff(self.cutoff, self.zone)
        except Invalid as refused:
            # Only where the clocks show it twice does the offset matter: elsewhere it is left over from another time.
            if refused.code != "cutoff_twice" or self.offset not in self.offsets():
                raise
        return parse_cutoff(self.cutoff + self.offset, self.zone)

    def offsets(self) -> dict[str, str]:
        """Where clocks in the zone show the cutoff twice: each offset, and what the zone calls it. Else empty."""
        try:
            naive = datetime.fromisoformat(self.cutoff)
            both = [naive.replace(tzinfo=ZoneInfo(self.zone), fold=fold) for fold in (0, 1)]
        except (ValueError, OSError, KeyError):
            return {}
        first, second = (at.utcoffset() for at in both)
        if first is None or second is None or first <= second:  # less: an hour that the clocks leave out
            return {}
        return {at.isoformat()[-6:]: at.strftime("%H:%M %Z") for at in both}

    def embargo(self) -> EmbargoTerms | None:
        """None where none is wished for. Raises `Invalid` where its end is no time."""
        if not self.embargoed:
            return None
        if not self.embargo_until:
            raise Invalid("embargo_end_missing", "The embargo has no end.")
        return EmbargoTerms(instant_given(self.embargo_until, self.zone, "The embargo's end"), self.named)

    def question(self, actor_id: str) -> PreviewAsked:
        """Raises `Invalid` where `faults` has some."""
        return PreviewAsked(**self._terms(), chosen=self.person, actor_id=actor_id)

    def start(self, reason: str | None, legal_hold: str | None, answers: Sequence[Answered]) -> StartAsked:
        """`legal_hold` is the reason of a legal hold. Raises `Invalid` where `faults` has some."""
        return StartAsked(**self._terms(), reason=reason, legal_hold=legal_hold, answers=tuple(answers))

    def _terms(self) -> dict[str, Any]:
        """The fields of `RunTerms`."""
        embargo, given = self.embargo(), self.cutoff_given()
        twice = given is not None and self.offset in self.offsets()
        return {
            "packet": self.packet,
            "wanted": self.person.hr_id,
            "cutoff": None if given is None else self.cutoff + (self.offset if twice else ""),
            "zone": self.zone or None,
            "urgent": self.urgent,
            "shadow": self.shadow,
            "embargo_until": embargo.until if embargo is not None else None,
            "named": self.named if embargo is not None else (),
        }


def sealed(keyring: Keyring, actor_id: str, draft: RunDraft) -> str:
    """Opaque, and for this actor's forms alone."""
    return base64.urlsafe_b64encode(keyring.seal(_context(actor_id), draft.model_dump_json().encode())).decode()


def opened(keyring: Keyring, actor_id: str, handle: str) -> RunDraft:
    """Raises `Invalid` for what was not made here for this actor."""
    try:
        return RunDraft.model_validate_json(keyring.open(_context(actor_id), base64.urlsafe_b64decode(handle.encode())))
    except (UnreadableEvent, binascii.Error, ValueError) as error:
        raise Invalid("nobody_chosen", "No person was selected.") from error


def with_remedy(refused: Refusal) -> str:
    """A refusal and its remedy in one paragraph."""
    return f"{refused.message} {remedy_of(refused)}".rstrip()


def zones_for(*first: str) -> list[tuple[str, list[str]]]:
    """What a person chooses a zone from: the likely ones, then all of them by region."""
    likely = [zone for zone in dict.fromkeys((*first, "UTC")) if zone in available()]
    return [("Likely", likely), ("All", [zone for zone in available() if zone not in likely])]


@lru_cache(maxsize=1)
def available() -> tuple[str, ...]:
    """Every zone that is named after a place."""
    elsewhere = ("Etc/", "posix/", "right/", "SystemV/")
    return (*sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(elsewhere)), "UTC")


def _context(actor_id: str) -> str:
    return f"run draft:{actor_id}"
