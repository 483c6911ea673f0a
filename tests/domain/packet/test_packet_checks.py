"""Does a packet make sense? Each fault is found, at its line, with what to do."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.packet.checks.packet_checks import check_packet, roles_spoken_of
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems
from orchestrator.domain.packet.step_order import find_cycle, needed_before
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import ABILITIES, SETTINGS, packet_files

ROLES = {"requester", "approver", "operator", "value_owner", "safety_owner"}


def problems(files: dict[str, bytes]) -> list[PacketProblem]:
    return check_packet(parse_packet(files), ABILITIES, settings=SETTINGS, roles_known=ROLES)


def test_a_packet_that_makes_sense() -> None:
    assert problems(packet_files()) == []
    assert check_packet(parse_packet(packet_files()), ABILITIES) == []


UNGATED_DISABLE = ("    at: cutoff\n    gate: access\n", "    at: cutoff\n")


@pytest.mark.parametrize(
    ("files", "file", "line", "field", "said"),
    [
        (packet_files(workflow=("system: code", "system: cod")), "workflow", 10, "steps[0].system", "no system 'cod'"),
        (
            packet_files(workflow=("ability: snapshot", "ability: shoot")),
            "workflow",
            11,
            "steps[0].ability",
            "the connector 'forge' of system 'code' has no ability 'shoot'",
        ),
        (packet_files(workflow=("gate: access", "gate: acess")), "workflow", 21, "steps[2].gate", "no gate 'acess'"),
        (
            packet_files(workflow=("needs: [look]", "needs: [lok]")),
            "workflow",
            19,
            "steps[2].needs[0]",
            "needs 'lok', which is not a step",
        ),
        (
            packet_files(workflow=("    ability: snapshot\n", "    ability: snapshot\n    needs: [disable]\n")),
            "workflow",
            12,
            "steps[0].needs",
            "look needs disable needs look",
        ),
        (
            packet_files(workflow=("needs: [look]", "needs: [look, disable]")),
            "workflow",
            19,
            "steps[2].needs",
            "disable needs disable",
        ),
        (
            packet_files(
                workflow=(
                    "  - name: disable",
                    "  - name: again\n    title: A\n    system: code\n    ability: snapshot\n  - name: disable",
                )
            ),
            "workflow",
            18,
            "steps[2].ability",
            "already used by the step 'look'",
        ),
        (
            packet_files(workflow=("name: hand_over", "name: look")),
            "workflow",
            12,
            "steps[1].name",
            "two steps have the name",
        ),
        (
            packet_files(workflow=("    at: cutoff+P30D\n    gate: access\n", "    at: cutoff+P30D\n")),
            "workflow",
            22,
            "steps[3]",
            "cannot be undone, so it needs approval",
        ),
        (
            packet_files(workflow=UNGATED_DISABLE),
            "workflow",
            15,
            "steps[2]",
            "no role that starts runs (requester) has the permission 'change'",
        ),
        (packet_files(workflow=("    at: cutoff\n", "")), "workflow", 15, "steps[2].at", "before the cutoff"),
        (
            packet_files(workflow=("    at: cutoff\n", "    at: cutoff-PT1H\n")),
            "workflow",
            20,
            "steps[2].at",
            "before the cutoff",
        ),
        (
            packet_files(workflow=("    at: cutoff\n", "    at: cutoff+P2D\n")),
            "workflow",
            20,
            "steps[2].at",
            "than the target",
        ),
        (
            packet_files(workflow=("[disable, hand_over]", "[disable]")),
            "workflow",
            26,
            "steps[3].needs",
            "before the hand-over is done",
        ),
        (
            packet_files(workflow=("[disable, hand_over]", "[look, hand_over]")),
            "workflow",
            26,
            "steps[3].needs",
            "before a verified step on that system",
        ),
        (
            packet_files(workflow=("role: operator", "role: oprator")),
            "workflow",
            14,
            "steps[1].task.role",
            "users of this installation cannot have the role",
        ),
        (
            packet_files(platform=("connector: forge", "connector: forget")),
            "platform",
            10,
            "systems.code.connector",
            "no connector 'forget'",
        ),
        (
            packet_files(platform=("token: env:CODE_TOKEN", "token: s3cret")),
            "platform",
            11,
            "systems.code.connection.token",
            "must not contain secrets",
        ),
        (
            packet_files(platform=("token: env:CODE_TOKEN", 'token: "env:"')),
            "platform",
            11,
            "systems.code.connection.token",
            "has no name after it",
        ),
        (
            packet_files(platform=("https://code.example", "https://a:b@code.example")),
            "platform",
            11,
            "systems.code.connection.url",
            "with a password",
        ),
        (
            packet_files(platform=(", token: env:CODE_TOKEN", "")),
            "platform",
            11,
            "systems.code.connection",
            "'forge' needs the setting 'token'",
        ),
        (
            packet_files(platform=("token: env:", "tokn: env:X, token: env:")),
            "platform",
            11,
            "systems.code.connection.tokn",
            "no setting 'tokn'",
        ),
        (packet_files(platform=("    hosts: [code.example]\n", "")), "platform", 8, "systems.code", "no allowed hosts"),
        (
            packet_files(platform=("  system: hr", "  system: people")),
            "platform",
            19,
            "hr.system",
            "no system 'people'",
        ),
        (
            packet_files(platform=("who: requester, ", "who: requester, systems: [coed], ")),
            "platform",
            16,
            "levels[0].systems[0]",
            "no system 'coed'",
        ),
        (
            packet_files(approvals=("exceptions:", "launch: {shadow_runs: 20}\nexceptions:")),
            "approvals",
            7,
            "launch.shadow_runs",
            "do not check 'shadow_runs'",
        ),
        (
            packet_files(approvals=("[approver]", "[]")),
            "approvals",
            4,
            "gates.access.decided_by",
            "no roles that decide it",
        ),
        (
            packet_files(approvals=("owner: operator", "owner: nobody")),
            "approvals",
            8,
            "exceptions.owner",
            "the role 'nobody'",
        ),
    ],
)
def test_each_fault_is_found_at_its_line(files: dict[str, bytes], file: str, line: int, field: str, said: str) -> None:
    found = [problem for problem in problems(files) if said in problem.message]
    assert [(problem.file, problem.line, problem.field) for problem in found] == [(f"{file}.yaml", line, field)]
    assert found[0].remedy


@pytest.mark.parametrize(
    ("files", "line", "field"),
    [
        (packet_files(approvals=("[approver]", "[aprover]")), 4, "gates.access.decided_by[0]"),
        (packet_files(approvals=("[approver]", "[approver, aprover]")), 4, "gates.access.decided_by[1]"),
        (
            packet_files(approvals=("    valid_for", "    escalate_to: [saftey_owner]\n    valid_for")),
            6,
            "gates.access.escalate_to[0]",
        ),
    ],
)
def test_a_role_that_the_files_give_nothing_to_has_no_owner(files: dict[str, bytes], line: int, field: str) -> None:
    packet = parse_packet(files)
    found = check_packet(packet, ABILITIES, settings=SETTINGS, roles_known=roles_spoken_of(packet))
    spelt = [problem for problem in found if "users of this installation cannot have the role" in problem.message]
    assert [(problem.file, problem.line, problem.field) for problem in spelt] == [("approvals.yaml", line, field)]
    assert "approver" in spelt[0].remedy


def test_the_roles_that_the_files_speak_of_with_a_meaning() -> None:
    rule = "- {who: requester, up_to: read}\n  - {who: hr_feed, kind: service, up_to: change}"
    packet = parse_packet(packet_files(platform=("- {who: requester, up_to: read}", rule)))
    assert roles_spoken_of(packet) == ROLES
    assert check_packet(packet, ABILITIES, settings=SETTINGS, roles_known=ROLES) == []


def test_what_takes_effect_twice_needs_a_gate() -> None:
    files = packet_files(
        workflow=("ability: disable\n    needs: [look]\n    at: cutoff\n    gate: access", "ability: pay")
    )
    assert "takes effect twice" in problems(files)[0].message
    assert problems(packet_files(workflow=("ability: disable", "ability: pay"))) == []


def test_an_account_cannot_be_found_without_keys() -> None:
    keys = "    match:\n      - {key: employee_number, attribute: number}\n"
    assert "has no match keys to find one" in problems(packet_files(platform=(keys, "")))[0].message


def test_a_gate_whose_deciders_lack_the_level_is_found() -> None:
    found = problems(packet_files(platform=("{who: approver, up_to: change}", "{who: approver, up_to: stage}")))
    assert [problem.field for problem in found] == ["steps[2]", "steps[3]"]
    assert "that decides the gate 'access' (approver)" in found[0].message


def test_an_ungated_step_that_a_requester_may_cause_is_fine() -> None:
    changed = packet_files(workflow=UNGATED_DISABLE, platform=("up_to: read", "up_to: change"))
    assert problems(changed) == []


def test_a_service_may_be_what_causes_a_step() -> None:
    rule = "- {who: requester, up_to: read}\n  - {who: hr_feed, kind: service, up_to: change}"
    changed = packet_files(workflow=UNGATED_DISABLE, platform=("- {who: requester, up_to: read}", rule))
    assert check_packet(parse_packet(changed), ABILITIES) == []


def test_without_any_hand_over_nothing_may_be_deleted() -> None:
    files = packet_files(workflow=("name: hand_over", "name: clear_desk"))
    files["workflow.yaml"] = files["workflow.yaml"].replace(b", hand_over]", b", clear_desk]")
    assert [problem.message for problem in problems(files)] == ["'delete_account' would delete data before a hand-over"]


@pytest.mark.parametrize(
    ("name", "declared", "hands_over"),
    [
        ("clear_desk", "hands_over: true", True),
        ("clear_desk", "hands_over: false", False),
        ("hand_over", "hands_over: false", False),
        # As packets from before the field are read: by the name.
        ("hand_over", "", True),
        ("hand_over_duties", "", True),
        ("transfer_files", "", True),
        ("forward_calls", "", True),
        ("clear_desk", "", False),
        ("handover", "", False),
    ],
)
def test_a_task_that_hands_over_declares_it(name: str, declared: str, hands_over: bool) -> None:
    task = f"task: {{role: operator, instruction: Hand everything over.{', ' * bool(declared)}{declared}}}"
    files = packet_files(
        workflow=("name: hand_over\n", f"name: {name}\n"),
    )
    text = files["workflow.yaml"].decode()
    text = text.replace("task: {role: operator, instruction: Hand everything over.}", task)
    files["workflow.yaml"] = text.replace(", hand_over]", f", {name}]").encode()
    assert parse_packet(files).workflow.step(name).is_hand_over_task is hands_over
    missing = ["'delete_account' would delete data before a hand-over"]
    assert [problem.message for problem in problems(files)] == ([] if hands_over else missing)


def test_a_step_on_a_system_is_no_hand_over_task() -> None:
    files = packet_files(workflow=("name: look\n", "name: hand_over_look\n"))
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"[look]", b"[hand_over_look]")
    assert not parse_packet(files).workflow.step("hand_over_look").is_hand_over_task
    assert problems(files) == []


def test_what_destroys_is_declared_and_not_read_from_a_name() -> None:
    files = packet_files(workflow=("ability: delete_account", "ability: wipe_account"))
    assert problems(files) == []
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"[disable, hand_over]", b"[disable]")
    assert [problem.message for problem in problems(files)] == [
        "'wipe_account' would delete data before the hand-over is done"
    ]


def test_an_ability_that_hands_over_counts_whatever_its_name() -> None:
    hand_over = "name: hand_over\n    title: Hand over\n    task: {role: operator, instruction: Hand everything over.}"
    step = "name: give\n    title: Give\n    system: code\n    ability: {}\n    at: cutoff\n    gate: access"
    for ability, complaints in (
        ("pass_on", []),
        ("rename", ["'delete_account' would delete data before a hand-over"]),
    ):
        files = packet_files(workflow=(hand_over, step.format(ability)))
        files["workflow.yaml"] = files["workflow.yaml"].replace(b", hand_over]", b", give]")
        assert [problem.message for problem in problems(files)] == complaints


def test_a_connector_of_another_distribution_is_named_with_its_version() -> None:
    named = "connector: forge@offboard-forge==1.2"
    packet = parse_packet(packet_files(platform=("connector: forge", named)))
    assert packet.platform.systems["code"].connector_origin == "offboard-forge 1.2"
    assert packet.platform.systems["hr"].connector_origin == "Offboard"
    abilities = {**ABILITIES, "forge@offboard-forge==1.2": ABILITIES["forge"]}
    assert check_packet(packet, abilities) == []
    [problem] = check_packet(packet, ABILITIES, why_missing=lambda name: f"{name} is installed as 1.1")
    assert (problem.field, problem.remedy) == (
        "systems.code.connector",
        "forge@offboard-forge==1.2 is installed as 1.1",
    )


@pytest.mark.parametrize("named", ["forge@", "forge@dist", "forge@dist==", "forge@a b==1", "@dist==1", "forge==1"])
def test_a_connector_without_its_version_is_refused(named: str) -> None:
    with pytest.raises(PacketProblems):
        parse_packet(packet_files(platform=("connector: forge", f'connector: "{named}"')))


def test_an_urgent_start_needs_the_level_for_it() -> None:
    urgent = "urgent: {allowed_to: [requester], review_by: [safety_owner], review_within: P1D}\nexceptions:"
    found = problems(packet_files(approvals=("exceptions:", urgent)))
    assert [problem.field for problem in found] == ["steps[2]"]
    assert "an urgent start by requester cannot run this step" in found[0].message


def person(human: str, *roles: str) -> Actor:
    return Actor(actor_id=f"account-{human}", human=human, roles=frozenset(roles))


@pytest.mark.parametrize(
    ("actors", "enough"),
    [
        ([person("h1", "approver"), person("h2", "approver")], True),
        ([person("h1", "approver")], False),
        ([person("h1", "approver"), Actor(actor_id="second", human="h1", roles=frozenset({"approver"}))], False),
        ([person("h1", "approver"), person("h2", "operator")], False),
        ([person("h1", "approver"), Actor(actor_id="ai", kind="assistant", roles=frozenset({"approver"}))], False),
    ],
)
def test_a_quorum_counts_people_not_accounts(actors: list[Actor], enough: bool) -> None:
    packet = parse_packet(packet_files(approvals=("    title: Access", "    title: Access\n    quorum: 2")))
    found = check_packet(packet, ABILITIES, actors=actors)
    assert [problem.field for problem in found] == ([] if enough else ["gates.access.quorum"])


GRAPHS = st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefg"), max_size=3), max_size=6)


@given(GRAPHS)
def test_a_circle_is_found_exactly_where_one_is(needs: dict[str, list[str]]) -> None:
    before = needed_before(needs)
    cycle = find_cycle(needs)
    assert bool(cycle) == any(name in before[name] for name in needs)
    for name, need in pairwise(cycle):
        assert need in needs[name]
    if cycle:
        assert cycle[0] == cycle[-1]
