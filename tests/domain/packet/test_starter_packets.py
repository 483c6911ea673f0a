"""The packets that ship: they make sense with the connectors that ship, and keep the order of practitioners."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.people_csv.reading import read_export
from connectors.registry import SETTINGS, connector_kinds
from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.expressions import WHEN_VARIABLES, Expression, RunFacts, parameter_values
from orchestrator.domain.packet.packet import FILE_NAMES, Packet
from orchestrator.domain.packet.packet_files import parse_packet, read_packet_folder, starter_names, starter_packet
from orchestrator.domain.packet.step_order import needed_before
from orchestrator.domain.permissions.grants import highest_level
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.matching import FoundAccount

ROLES = {"requester", "it_approver", "finance_approver", "operator", "value_owner", "safety_owner", "auditor"}
PACKETS = Path(__file__).parents[3] / "orchestrator" / "packets"


@pytest.fixture(scope="module")
def leaver() -> Packet:
    return starter_packet("standard-leaver")


def test_which_packets_ship() -> None:
    assert starter_names() == ("identity-only", "standard-leaver")
    with pytest.raises(Invalid) as unknown:
        starter_packet("../../etc")
    assert "standard-leaver" in str(unknown.value.facts["known"])


@pytest.mark.parametrize("name", starter_names())
def test_each_makes_sense_with_the_connectors_that_ship(name: str) -> None:
    packet = starter_packet(name)
    assert packet.name == name
    assert check_packet(packet, connector_kinds(), settings=SETTINGS, roles_known=ROLES) == []
    assert read_packet_folder(PACKETS / name) == packet


@pytest.mark.parametrize("name", starter_names())
def test_each_is_written_for_people(name: str) -> None:
    packet = starter_packet(name)
    for content in packet.files.values():
        assert content.startswith(b"# ") and content.count(b"\n#") >= 1
    assert all(not system.support.missing and system.runbook for system in packet.platform.systems.values())
    assert all(
        value.startswith("env:")
        for system in packet.platform.systems.values()
        for setting, value in system.connection.items()
        if setting != "sender"
    )


def test_the_order_of_practitioners(leaver: Packet) -> None:
    steps = {step.name: step for step in leaver.workflow.steps}
    before = needed_before({name: step.needs for name, step in steps.items()})
    for earlier, later in [
        ("snapshot_identity", "disable_identity"),
        ("disable_identity", "end_code_sessions"),
        ("end_code_sessions", "demote_code_admin"),
        ("end_code_sessions", "suspend_code"),
        ("disable_identity", "freeze_card"),
        ("suspend_code", "revoke_code_tokens"),
        ("hand_over_repositories", "revoke_code_tokens"),
        ("disable_identity", "forward_mail"),
        ("forward_mail", "release_mail_license"),
        ("hand_over_duties", "release_mail_license"),
        ("freeze_card", "close_card"),
        ("suspend_code", "tell_line_manager"),
        ("remove_directory_groups", "tell_line_manager"),
    ]:
        assert earlier in before[later], f"{earlier} does not come before {later}"


def test_access_never_waits_for_a_hand_over(leaver: Packet) -> None:
    before = needed_before({step.name: step.needs for step in leaver.workflow.steps})
    kinds = connector_kinds()
    for step in leaver.workflow.steps:
        if step.system is None or step.ability is None:
            continue
        ability = kinds[leaver.platform.systems[step.system].connector][step.ability]
        if ability.cuts_access and ability.reversible != "no":
            assert not {"hand_over_duties", "hand_over_repositories"} & before[step.name]
            assert step.at.anchor == "cutoff"


def test_the_line_manager_is_mailed_once_nothing_can_be_reached(leaver: Packet) -> None:
    told = leaver.workflow.step("tell_line_manager")
    before = needed_before({step.name: step.needs for step in leaver.workflow.steps})[told.name]
    kinds = connector_kinds()
    for step in leaver.workflow.steps:
        if step.system is not None and step.ability is not None:
            ability = kinds[leaver.platform.systems[step.system].connector][step.ability]
            if ability.cuts_access and ability.reversible != "no":
                assert step.name in before, f"{step.name} may still be open when the notice goes out"
    ability = kinds["mail"][told.ability or ""]
    assert (ability.level, ability.repeat, told.gate) == ("change", "never", "access")


@pytest.mark.parametrize(
    ("facts", "called"),
    [
        ({"display_name": 'Zoë "Zo" O\'Brien'}, 'Zoë "Zo" O\'Brien'),
        ({}, "Employee E-1"),
    ],
)
def test_the_notice_fits_the_leaver(leaver: Packet, facts: dict[str, str], called: str) -> None:
    told = leaver.workflow.step("tell_line_manager")
    person = PersonFacts.model_validate(
        {"hr_id": "1", "employee_number": "E-1", "manager_email": "lead@firm.example", **facts}
    )
    values = parameter_values(told.parameters, person=person)
    assert values["to"] == "lead@firm.example"
    assert str(values["text"]).startswith(f"{called} has left the company")
    assert "\n" not in str(values["subject"]) and len(str(values["text"]).splitlines()) == 3
    condition = Expression.compile(told.when or "", WHEN_VARIABLES)
    nobody = FoundAccount(system="", account_id="", native_id="")
    run = RunFacts(run_id="r", workflow="w", cutoff=datetime(2026, 3, 2, tzinfo=UTC), zone="UTC")
    assert condition.evaluate(person=person, account=nobody, run=run)
    for manager in (None, ""):
        alone = person.model_copy(update={"manager_email": manager})
        assert not condition.evaluate(person=alone, account=nobody, run=run)


def test_the_commented_deletion_is_right_as_soon_as_it_is_switched_on(leaver: Packet) -> None:
    text = leaver.files["workflow.yaml"].decode()
    begin = text.index("  # - name: delete_identity")
    block, rest = text[begin:].split("\n\n", 1)
    files = {**leaver.files, "workflow.yaml": (text[:begin] + block.replace("  # ", "  ") + "\n\n" + rest).encode()}
    packet = parse_packet(files)
    assert packet.workflow.step("delete_identity").ability == "delete_account"
    assert check_packet(packet, connector_kinds(), settings=SETTINGS, roles_known=ROLES) == []


@pytest.mark.parametrize("name", ["standard-leaver", "identity-only"])
def test_an_assistant_has_no_permission(name: str) -> None:
    packet = starter_packet(name)
    assistant = Actor(actor_id="ai", kind="assistant", roles=frozenset(ROLES))
    for system in packet.platform.systems:
        assert highest_level(packet.platform, packet.platform, assistant, system, packet.name) is None


def test_the_companys_own_export_can_be_read(leaver: Packet) -> None:
    people = PACKETS.parent / "embedded" / "people.csv"
    export = read_export(people.read_bytes(), leaver.platform.hr.export_columns)
    assert export.bad == []
    assert len(export.leaving) >= 3
    assert all(row.person.manager_email for row in export.leaving)


def test_the_three_files_and_nothing_else_ship() -> None:
    for name in starter_names():
        assert {entry.name for entry in (PACKETS / name).iterdir()} == set(FILE_NAMES)


def test_hr_is_sent_the_cutoff_as_soon_as_the_plan_is_made() -> None:
    """docs/decisions/0038"""
    step = starter_packet("standard-leaver").workflow.step("record_leaving")
    assert step.at.anchor == "approval" and step.parameters["at"] == "= run.cutoff"
