"""Packets in the ledger: their history, and each version, parsed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from orchestrator.domain.commands import requests
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events import RunRequested
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet import signatures, version_choice
from orchestrator.domain.packet.history import packet_state
from orchestrator.domain.packet.history.packet_events import PacketAdopted
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.support import missing_support
from orchestrator.domain.packet.versions.file_ownership import RequiredSignatures, required_signatures
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.comparison.twins import with_twin


class PacketShelf:
    """One packet: the state of its stream and the texts of its versions."""

    def __init__(self, history: packet_state.PacketState, texts: dict[str, PacketAdopted]) -> None:
        self.history = history
        self._texts = texts

    def counted(self, actors: Mapping[str, Actor]) -> PacketShelf:
        """The same with the signatures that count (`signatures.counted`)."""
        return PacketShelf(signatures.counted(self.history, actors), self._texts)

    def has(self, version: str) -> bool:
        return version in self._texts

    def version(self, version: str) -> Packet:
        adopted = self._texts.get(version)
        if adopted is None:
            raise Invalid("unknown_packet_version", f"Packet {self.history.name} has no version {version[:12]}.")
        return parse_packet(adopted.files, expansion=adopted.expansion)

    @property
    def production(self) -> Packet | None:
        """The version in production."""
        known = self.history.in_production
        return self.version(known.version) if known is not None else None

    @property
    def adopted_files(self) -> list[dict[str, bytes]]:
        """The files of every version."""
        return [adopted.files for adopted in self._texts.values()]

    def required_signatures(self, version: str) -> RequiredSignatures:
        """Whose signatures a move of this version to a later phase needs today."""
        return required_signatures(self.production, self.version(self.history.version(version).version))

    def missing_support(self, version: str) -> tuple[str, ...]:
        """What the systems of this version lack for phase shadow."""
        systems = self.version(self.history.version(version).version).platform.systems
        return missing_support({name: spec.support for name, spec in systems.items()})

    def compared_with(self, version: str) -> packet_state.VersionState | None:
        """The version whose differences from this one are shown: the one in production; for that one itself, and where
        none is, the one that was adopted before it. None for the first version."""
        production = self.history.in_production
        if production is not None and production.version != version:
            return production
        versions = self.history.versions
        at = next(at for at, known in enumerate(versions) if known.version == version)
        return versions[at - 1] if at else None

    def gate_title(self, version: str, gate: str) -> str:
        """What a version calls a gate; its name where the version has no such gate."""
        spec = self.version(version).approvals.decisions.get(gate) if self.has(version) else None
        return spec.title if spec is not None else gate

    def step_title(self, version: str, step: str) -> str:
        """What a version calls a step; its name where the version has no such step."""
        steps = self.version(version).workflow.steps if self.has(version) else ()
        return next((known.title for known in steps if known.name == step), step)

    def adopted_by(self, version: str) -> str:
        """The account that brought a version, as last adopted."""
        return self._texts[version].by

    def today_for(self, version: str) -> Packet:
        """The packet as it governs a run that started under `version`: the newest version in the same or a later
        phase."""
        return self.version(self.history.today_for(version).version)

    @property
    def current(self) -> Packet | None:
        """Today's version: the one that works for people, else the newest."""
        known = self.history.current or self.history.newest
        return self.version(known.version) if known is not None else None


EMPTY_SHELF = PacketShelf(packet_state.PacketState(), {})


def fold_shelf(shelf: PacketShelf, event: Event, at: datetime) -> PacketShelf:
    history = packet_state.fold([event], shelf.history)
    texts = shelf._texts
    if isinstance(event, PacketAdopted):
        texts = {**texts, event.version: event}
    return PacketShelf(history, texts)


def shelf_of(events: Iterable[Event]) -> PacketShelf:
    """The packet by all events of its stream."""
    known = list(events)
    texts = {event.version: event for event in known if isinstance(event, PacketAdopted)}
    return PacketShelf(packet_state.fold(known), texts)


def version_for(
    shelf: PacketShelf, packet: str, person: PersonFacts, *, shadow: bool = False
) -> packet_state.VersionState:
    """The version of the packet that a run for this person starts under; `shadow`: a dry run is asked for. Raises
    `Invalid` where there is none."""
    history = shelf.history
    if shadow and history.newest is not None:
        return version_choice.for_dry_run(history)
    pilot = history.in_pilot
    covered = pilot is not None and requests.in_pilot(shelf.version(pilot.version), person)
    version = version_choice.for_run(history, covered=covered)
    if version is None:
        raise Invalid("unknown_packet", f"There is no packet {packet}.")
    return version


def with_dry_run_beside(shelf: PacketShelf, asked: RunRequested) -> tuple[RunRequested, RunRequested | None]:
    """The request, and that of the dry run that is opened beside the run; None for a dry run, and where no version is
    in phase shadow while another is in use."""
    beside = version_choice.dry_run_beside(shelf.history) if asked.phase != "shadow" else None
    return with_twin(asked, beside.version) if beside is not None else (asked, None)
