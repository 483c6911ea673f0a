"""A starter packet with people from CSV files or from BambooHR, as docs/connectors/people-csv.md and
docs/connectors/bamboohr.md describe it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.people_csv.mapping import mapping_problems
from connectors.registry import HR_KINDS, SETTINGS, connector_kinds
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.packet import PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems

PAGES = Path(__file__).parents[3] / "docs" / "connectors"


def documented(page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    platform, workflow = re.findall(r"```yaml\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)
    return yaml.safe_load(platform), yaml.safe_load(workflow)


def changed(*, page: str = "people-csv.md", steps: bool = True, **hr: Any) -> Packet:
    starter = starter_packet("standard-leaver")
    platform: dict[str, Any] = yaml.safe_load(starter.files[PLATFORM_FILE])
    workflow: dict[str, Any] = yaml.safe_load(starter.files[WORKFLOW_FILE])
    their_platform, their_workflow = documented(page)
    platform["systems"] |= their_platform["systems"]
    platform["hr"] = their_platform["hr"] | hr
    if steps:
        tasks = {step["name"]: step for step in their_workflow["steps"]}
        workflow["steps"] = [tasks.get(step["name"], step) for step in workflow["steps"]]
    written = {
        name: yaml.safe_dump(document, sort_keys=False).encode()
        for name, document in ((PLATFORM_FILE, platform), (WORKFLOW_FILE, workflow))
    }
    return parse_packet({**starter.files, **written})


def problems(packet: Packet) -> list[PacketProblem]:
    return check_packet(
        packet, connector_kinds(), settings=SETTINGS, hr_kinds=HR_KINDS, export_problems=mapping_problems
    )


@pytest.mark.parametrize("page", ["people-csv.md", "bamboohr.md"])
def test_the_documented_configuration_is_valid(page: str) -> None:
    assert problems(changed(page=page)) == []


@pytest.mark.parametrize("page", ["people-csv.md", "bamboohr.md"])
def test_steps_that_cannot_be_carried_out_there_are_named(page: str) -> None:
    said = [f"{problem.field}: {problem.message}" for problem in problems(changed(page=page, steps=False))]
    assert any("record_leaving" in one for one in said) and any("schedule_final_pay" in one for one in said), said


def test_a_wrong_mapping_is_named_by_its_line() -> None:
    [problem] = problems(changed(export_format={"dates": "MM/DD", "leaves_when": "true"}))
    assert (problem.file, problem.field) == (PLATFORM_FILE, "hr.export_format.dates") and problem.line
    [problem] = problems(changed(export_columns={"email": "Mail"}, export_format={}))
    assert problem.field == "hr.export_columns" and "employee number" in problem.message


def test_the_connector_has_the_mapping_of_the_hr_section() -> None:
    connection = changed().platform.systems["hr"].connection
    assert connection["path"] == "/run/systems/people" and '"employee_number": "Employee ID"' in connection["columns"]
    starter = starter_packet("standard-leaver")
    text = starter.files[PLATFORM_FILE].replace(
        b"    connector: hr\n    connection:\n", b"    connector: people_csv\n    connection:\n      columns: x\n"
    )
    with pytest.raises(PacketProblems) as refused:
        parse_packet({**starter.files, PLATFORM_FILE: text})
    assert "write the mapping under hr.export_columns" in str(refused.value.problems)
