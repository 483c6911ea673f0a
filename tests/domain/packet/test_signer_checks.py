"""Signatures of the close in a packet: their roles exist, their names are their own, and different people can sign."""

from __future__ import annotations

import pytest

from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import ABILITIES, packet_files

ROLES = {"requester", "approver", "operator", "value_owner", "safety_owner"}


def problems(files: dict[str, bytes]) -> list[PacketProblem]:
    return check_packet(parse_packet(files), ABILITIES, roles_known=ROLES)


def person(human: str, *roles: str) -> Actor:
    return Actor(actor_id=f"account-{human}", human=human, roles=frozenset(roles))


CLOSE = """close:
  hr: {title: HR signs, decided_by: [operator], decide_within: P1D, valid_for: P7D}
  it: {title: IT signs, decided_by: [approver], decide_within: P1D, valid_for: P7D}
exceptions:
"""


def test_roles_that_sign_the_close_exist() -> None:
    wrong = CLOSE.replace("decided_by: [operator]", "decided_by: [hr_lead], escalate_to: [chief]")
    found = problems(packet_files(approvals=("exceptions:\n", wrong)))
    assert [(problem.field, problem.line) for problem in found] == [
        ("close.hr.decided_by[0]", 8),
        ("close.hr.escalate_to[0]", 8),
    ]
    empty = problems(packet_files(approvals=("exceptions:\n", CLOSE.replace("decided_by: [approver], ", ""))))
    assert ["the signature 'it' of the close has no roles that decide it" in problem.message for problem in empty] == [
        True
    ]


def test_a_signature_does_not_have_the_name_of_a_gate() -> None:
    with pytest.raises(PacketProblems) as raised:
        parse_packet(packet_files(approvals=("exceptions:\n", CLOSE.replace("  it:", "  access:"))))
    [problem] = raised.value.problems
    assert problem.field == "close" and "access is a gate as well; use another name" in problem.message


@pytest.mark.parametrize(
    ("actors", "field"),
    [
        ([person("h1", "approver"), person("h2", "operator")], []),
        ([person("h1", "approver", "operator"), person("h2", "operator")], []),
        ([person("h1", "approver"), person("h1", "operator")], ["close"]),
        ([person("h1", "approver")], ["close.hr.quorum"]),
    ],
)
def test_each_signature_of_the_close_has_a_person_of_its_own(actors: list[Actor], field: list[str]) -> None:
    packet = parse_packet(packet_files(approvals=("exceptions:\n", CLOSE)))
    assert [problem.field for problem in check_packet(packet, ABILITIES, actors=actors)] == field


def test_a_packet_whose_files_are_the_same_has_the_same_version() -> None:
    assert parse_packet(packet_files()).version == "f194ac065557dd95b64246724f97e6215c36eb90e04edba0d30f3ebe9e7f20d7", (
        "of a version without signatures of the close"
    )
