"""Who lets programs in and brings packets, where packets have different owners."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.programs import require_known_safety_owner, require_own_grants
from tests.domain.packet_texts import packet_files

OURS = parse_packet(packet_files())
OTHERS = ("safety_owner: safety_owner", "safety_owner: other_owner")
THEIRS = parse_packet(
    {
        name: text.replace(b"levels:\n", b"levels:\n  - {who: sweeper, kind: service, up_to: change}\n")
        for name, text in packet_files(platform=OTHERS).items()
    }
)
SAM = Actor(actor_id="sam", human="h-sam", roles=frozenset({"safety_owner"}))
OTTO = Actor(actor_id="otto", human="h-otto", roles=frozenset({"other_owner"}))


def refused(ask: Callable[[], None]) -> None:
    with pytest.raises(NotAllowed, match="not_an_owner"):
        ask()


def test_a_program_gets_no_role_to_which_another_owners_packet_grants_something() -> None:
    refused(lambda: require_own_grants(SAM, "service", ["sweeper"], [OURS, THEIRS]))
    require_own_grants(OTTO, "service", ["sweeper"], [OURS, THEIRS])
    require_own_grants(SAM, "assistant", ["sweeper"], [OURS, THEIRS])
    require_own_grants(SAM, "service", ["reporter"], [OURS, THEIRS])


def test_a_new_packets_platform_file_is_owned_as_in_those_in_use_or_brought_by_such_an_owner() -> None:
    requester = Actor(actor_id="rita", human="h-rita", roles=frozenset({"requester", "other_owner"}))
    require_known_safety_owner(requester, THEIRS, [])
    require_known_safety_owner(requester, OURS, [OURS])
    require_known_safety_owner(SAM, THEIRS, [OURS])
    refused(lambda: require_known_safety_owner(requester, THEIRS, [OURS]))
