"""Which version of a packet a run starts under: by what the start asks for, the person, and the versions' phases."""

from __future__ import annotations

from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet.history.packet_state import PacketState, VersionState


def for_run(state: PacketState, *, covered: bool) -> VersionState | None:
    """The version of a start that does not ask for a dry run; None if the packet has no version. `covered`: whether the
    person is one of those whom the newest version in pilot covers.

    | in use | version |
    |---|---|
    | production, or pilot for a person who is covered | the newest of these |
    | only pilot, for a person who is not covered | the newest in pilot: the start is refused (`not_in_pilot`) |
    | only shadow | the newest in shadow: every run is a dry run |
    | none | the newest: the start is refused (`packet_not_live`) |
    """
    pilot, production = state.in_pilot, state.in_production
    if covered and pilot is not None and production is not None:
        return max(pilot, production, key=state.versions.index)
    if pilot is not None and (covered or production is None):
        return pilot
    return production or state.in_shadow or state.newest


def for_dry_run(state: PacketState) -> VersionState:
    """The version of a start that asks for a dry run. Raises `Invalid` (`no_dry_run`) if none is in shadow."""
    if state.in_shadow is None:
        raise Invalid(
            "no_dry_run", f"Packet {state.name} has no version in the dry run phase (shadow), so nothing was started."
        )
    return state.in_shadow


def dry_run_beside(state: PacketState) -> VersionState | None:
    """The version in shadow, while another one is used for starts: then a dry run has to be asked for."""
    in_use = state.in_pilot or state.in_production
    return state.in_shadow if in_use is not None else None


def starts_dry_runs(state: PacketState) -> bool:
    """Whether every start is a dry run, since no version is in production or pilot."""
    return state.phase == "shadow"


def only_dry_runs(state: PacketState) -> bool:
    """Whether every start is a dry run: a version is in shadow, and none in pilot or production."""
    return state.in_shadow is not None and dry_run_beside(state) is None
