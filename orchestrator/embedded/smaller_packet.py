"""The packet of the small company with simulations of vendors, and packets changed for this machine: without systems
that it cannot serve, without late starts, with another mapping of HR's export."""

from __future__ import annotations

from collections.abc import Collection
from importlib import resources
from typing import Any

import yaml

from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE, HrSpec, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet

SAMPLE_PACKET = "orchestrator/embedded/packet"
"""Where the files of the sample packet are. It has the name of the starter packet, the one that commands use without
`--packet`."""

SIMULATED = (
    "Okta, GitHub, Slack and BambooHR are simulations on this machine, written from the vendors' documentation. "
    "No request leaves the machine."
)
"""Said wherever the company with simulations of vendors is started."""


def sample_packet() -> Packet:
    """For Okta, GitHub, Slack and BambooHR; approvals are those of the starter packet `standard-leaver`."""
    folder = resources.files("orchestrator.embedded") / "packet"
    files = {name: (folder / name).read_bytes() for name in (WORKFLOW_FILE, PLATFORM_FILE)}
    return parse_packet({**files, APPROVALS_FILE: starter_packet("standard-leaver").files[APPROVALS_FILE]})


def without_systems(packet: Packet, systems: Collection[str]) -> Packet:
    """The packet itself where it names none of them. Otherwise one whose steps on these systems are gone, as is every
    need of such a step: a packet of its own, with a version of its own."""
    gone = set(systems) & set(packet.platform.systems)
    if not gone:
        return packet
    workflow: dict[str, Any] = yaml.safe_load(packet.files[WORKFLOW_FILE])
    platform: dict[str, Any] = yaml.safe_load(packet.files[PLATFORM_FILE])
    dropped = {step["name"] for step in workflow["steps"] if step.get("system") in gone}
    workflow["steps"] = [step for step in workflow["steps"] if step["name"] not in dropped]
    for step in workflow["steps"]:
        step["needs"] = [need for need in step.get("needs", []) if need not in dropped]
    platform["systems"] = {name: spec for name, spec in platform["systems"].items() if name not in gone}
    for rule in platform["levels"]:
        if "systems" in rule:
            rule["systems"] = [name for name in rule["systems"] if name not in gone]
    platform["levels"] = [rule for rule in platform["levels"] if rule.get("systems", ["*"])]
    return parse_packet({**packet.files, WORKFLOW_FILE: _written(workflow), PLATFORM_FILE: _written(platform)})


def _written(document: dict[str, Any]) -> bytes:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True).encode()


def without_late_starts(packet: Packet) -> Packet:
    """The packet with a `late_after` of ten years, so that the leavers of an old export are started like all others."""
    approvals = packet.files[APPROVALS_FILE].replace(b"late_after: PT15M", b"late_after: P3650D")
    return parse_packet({**packet.files, APPROVALS_FILE: approvals})


def with_mapping(packet: Packet, hr: HrSpec) -> Packet:
    """The packet with this mapping of HR's export."""
    platform: dict[str, Any] = yaml.safe_load(packet.files[PLATFORM_FILE])
    platform["hr"] |= {"export_columns": hr.export_columns, "export_format": hr.export_format}
    return parse_packet({**packet.files, PLATFORM_FILE: _written(platform)})
