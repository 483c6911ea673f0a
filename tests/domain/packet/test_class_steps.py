"""Steps for every system of a class: what they become, what is wrong with them, and what a packet leaves out."""

from __future__ import annotations

from typing import get_args

import pytest

from connectors.abilities import SystemClass as ConnectorsClass
from connectors.registry import SYSTEM_CLASSES, connector_kinds
from orchestrator.domain.packet.ability import KindClasses, SystemClass
from orchestrator.domain.packet.checks.class_checks import coverage_notices
from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.class_steps import MAX_STEPS, expanded
from orchestrator.domain.packet.history.packet_events import PacketAdopted
from orchestrator.domain.packet.history.packet_phases import adopt
from orchestrator.domain.packet.history.packet_state import PacketState
from orchestrator.domain.packet.packet import Packet, packet_version
from orchestrator.domain.packet.packet_files import parse_packet, starter_names, starter_packet
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.permissions.levels import Actor
from tests.domain import run_world
from tests.domain.packet_texts import APPROVALS, SampleAbility

CATALOGUE = {
    "people": {"stage_leaving": SampleAbility("stage_leaving", level="stage", needs_account=False)},
    "forge": {
        act.name: act
        for act in (
            SampleAbility("snapshot", level="read"),
            SampleAbility("disable", cuts_access=True),
            SampleAbility("revoke_sessions", cuts_access=True),
            SampleAbility("pass_on", hands_over=True),
            SampleAbility("delete", reversible="no", destroys=True),
        )
    },
    "tree": {act.name: act for act in (SampleAbility("disable", cuts_access=True),)},
}
CLASSES: KindClasses = {"people": "hr", "forge": "code_host", "tree": None}

SNAPSHOT = "  - {name: look, title: Look, every: code_host, ability: snapshot}\n"
AT = "at: cutoff, gate: access"
DISABLE = "  - {name: off, title: Disable, every: code_host, ability: disable, needs: [look], AT}\n".replace("AT", AT)
SESSIONS = (
    "  - {name: out, title: End sessions, every: code_host, ability: revoke_sessions, needs: [off], at: cutoff, "
    "gate: access}\n"
)
TASK = "  - {name: note, title: Note, task: {role: operator, instruction: Write it down.}, needs: [NEED]}\n"


def _system(name: str, connector: str = "forge", more: str = "") -> str:
    return f"""\
  {name}:
    title: The {name}
    connector: {connector}
{more}    connection: {{url: "https://{name}.example"}}
    hosts: [{name}.example]
    match: [{{key: employee_number, attribute: number}}]
"""


def packet(*steps: str, systems: tuple[str, ...] = (_system("hub"), _system("lab"))) -> Packet:
    workflow = (
        "name: leaver\ntitle: Somebody leaves\npurpose: Access ends with the work.\nvalue_owner: value_owner\n"
        f"outcomes: {{access_gone_within: PT1H}}\nsteps:\n{''.join(steps)}"
    )
    platform = (
        "safety_owner: safety_owner\nsystems:\n  hr: {title: HR, connector: people, connection: {url: env:HR_URL}, "
        f"hosts: [hr.example]}}\n{''.join(systems)}"
        "levels:\n  - {who: requester, up_to: read}\n  - {who: approver, up_to: change}\nhr: {system: hr}\n"
    )
    files = {"workflow.yaml": workflow, "platform.yaml": platform, "approvals.yaml": APPROVALS}
    return parse_packet({name: text.encode() for name, text in files.items()})


def shown(*steps: str, systems: tuple[str, ...] = (_system("hub"), _system("lab"))) -> Packet:
    return expanded(packet(*steps, systems=systems), CATALOGUE, CLASSES)


def needs(found: Packet) -> dict[str, tuple[str, ...]]:
    return {step.name: step.needs for step in found.workflow.steps}


def said(found: Packet) -> list[str]:
    return [problem.message for problem in check_packet(found, CATALOGUE)]


def noticed(found: Packet) -> list[str]:
    return [notice.message for notice in coverage_notices(found, CATALOGUE, CLASSES)]


def test_a_step_for_a_class_is_one_step_for_each_system() -> None:
    found = shown(SNAPSHOT, DISABLE)
    assert [(step.name, step.system, step.every, step.ability) for step in found.workflow.steps] == [
        ("look-hub", "hub", None, "snapshot"),
        ("look-lab", "lab", None, "snapshot"),
        ("off-hub", "hub", None, "disable"),
        ("off-lab", "lab", None, "disable"),
    ]
    off = found.workflow.step("off-lab")
    assert (off.title, off.gate, str(off.at)) == ("Disable: The lab", "access", "cutoff")
    assert said(found) == [] and noticed(found) == []
    assert found.expansion == {"look": ("hub", "lab"), "off": ("hub", "lab")}


def test_a_need_of_the_same_class_is_the_step_of_the_same_system() -> None:
    found = shown(SNAPSHOT, DISABLE, TASK.replace("NEED", "off"))
    assert needs(found) == {
        "look-hub": (),
        "look-lab": (),
        "off-hub": ("look-hub",),
        "off-lab": ("look-lab",),
        "note": ("off-hub", "off-lab"),
    }


def test_a_need_of_another_class_is_every_step_of_it() -> None:
    mail = _system("post", "tree", "    class: mail\n")
    close = "  - {name: shut, title: Shut, every: mail, ability: disable, needs: [off], at: cutoff, gate: access}\n"
    found = shown(SNAPSHOT, DISABLE, close, systems=(_system("hub"), _system("lab"), mail))
    assert needs(found)["shut-post"] == ("off-hub", "off-lab")


def test_where_a_system_lacks_a_needed_step_the_needs_of_that_step_count() -> None:
    """`tree` has no snapshot and cannot end sessions: what follows there waits for what came before."""
    systems = (_system("hub"), _system("old", "tree", "    class: code_host\n"))
    rest = SESSIONS + TASK.replace("NEED", "out").replace("note", "last")
    again = (
        "  - {name: move, title: Move, every: code_host, ability: disable, needs: [out], at: cutoff, gate: access}\n"
    )
    found = shown(SNAPSHOT, DISABLE, rest, again, systems=systems)
    assert needs(found) == {
        "look-hub": (),
        "off-hub": ("look-hub",),
        "off-old": (),
        "out-hub": ("off-hub",),
        "last": ("out-hub",),
        "move-hub": ("out-hub",),
        "move-old": ("off-old",),
    }
    nowhere = "  - {name: out, title: End sessions, every: chat, ability: revoke_sessions, needs: [off]}\n"
    assert needs(shown(SNAPSHOT, DISABLE, nowhere, TASK.replace("NEED", "out")))["note"] == ("off-hub", "off-lab")


def test_a_cycle_through_classes_is_found() -> None:
    found = shown(SNAPSHOT.replace("ability: snapshot", "ability: snapshot, needs: [off]"), DISABLE)
    assert any("depend on each other: look-hub needs off-hub needs look-hub" in text for text in said(found))
    alone = "  - {name: out, title: Out, every: chat, ability: snapshot, needs: [out]}\n"
    assert needs(shown(SNAPSHOT, alone)) == {"look-hub": (), "look-lab": ()}, "and one without systems ends"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (SNAPSHOT + TASK.replace("note", "look-hub").replace("NEED", "look"), "two steps have the name 'look-hub'"),
        (SNAPSHOT + TASK.replace("note", "look").replace("[NEED]", "[]"), "two steps have the name 'look'"),
        (SNAPSHOT.replace("snapshot", "snapshat"), "no connector has the ability 'snapshat'"),
        (SNAPSHOT.replace("look", "l" * 62), "the name of the step for 'hub' would be longer than 63 characters"),
        (SNAPSHOT.replace("code_host", "chat"), "no system of the packet has any of these steps"),
        (SNAPSHOT + DISABLE.replace("[look]", "[lok]"), "the step 'off' needs 'lok', which is not a step"),
        (
            SNAPSHOT + "  - {name: once, title: Once, system: lab, ability: snapshot}\n",
            "'snapshot' on 'lab' is already used by the step 'look-lab'",
        ),
    ],
)
def test_each_fault_is_found_at_the_line_of_the_written_step(steps: str, message: str) -> None:
    found = [problem for problem in check_packet(shown(steps), CATALOGUE) if problem.message == message]
    assert found and all(problem.file == "workflow.yaml" and problem.line and problem.remedy for problem in found)
    assert {problem.line for problem in found} <= {6, 7, 8}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (SNAPSHOT.replace("code_host", "toaster"), "is not an allowed value"),
        (SNAPSHOT.replace("every: code_host", "every: code_host, system: hub"), "use either 'system', or 'every' with"),
        (
            SNAPSHOT.replace(", ability: snapshot", ""),
            "use either 'system' with 'ability', 'every' with 'ability', or 'task'",
        ),
        (
            SNAPSHOT.replace("ability: snapshot", "task: {role: operator, instruction: Look.}"),
            "use either 'system' with 'ability', 'every' with 'ability', or 'task'",
        ),
    ],
)
def test_a_step_that_is_not_well_formed_is_refused(step: str, message: str) -> None:
    with pytest.raises(PacketProblems) as refused:
        packet(step)
    assert any(message in problem.message for problem in refused.value.problems)


def test_an_unknown_class_of_a_system_is_refused_and_a_misspelt_field_found() -> None:
    for line, words in (("class: toaster", "is not an allowed value"), ("clas: chat", "did you mean 'class'?")):
        with pytest.raises(PacketProblems) as refused:
            packet(SNAPSHOT, systems=(_system("hub", more=f"    {line}\n"),))
        assert any(words in str(problem) for problem in refused.value.problems)


def test_an_irreversible_ability_without_a_gate_is_found_on_each_system() -> None:
    ungated = "  - {name: del, title: Delete, every: code_host, ability: delete, needs: [look]}\n"
    assert said(shown(SNAPSHOT, ungated)).count("'delete' cannot be undone, so it needs approval") == 2


def test_what_is_deleted_waits_for_the_hand_over_of_its_own_system() -> None:
    give = "  - {name: give, title: Give, every: code_host, ability: pass_on, gate: access}\n"
    gone = "  - {name: del, title: Del, every: code_host, ability: delete, needs: [off, NEED], AT}\n".replace("AT", AT)
    assert said(shown(SNAPSHOT, give, DISABLE, gone.replace("NEED", "give"))) == []
    missing = said(shown(SNAPSHOT, give, DISABLE, gone.replace("NEED", "look")))
    assert missing == ["'delete' would delete data before the hand-over is done"] * 2
    other = check_packet(shown(SNAPSHOT, give, DISABLE, gone.replace("NEED", "give-hub")), CATALOGUE)
    assert [problem.remedy for problem in other] == ["add 'give-lab' to its needs"], "not on its own system"
    one = gone.replace("NEED", "give").replace("every: code_host", "system: hub")
    assert said(shown(SNAPSHOT, give, DISABLE, one)) == [], "a step for one system needs all, which is what it says"
    only = gone.replace("NEED", "give-hub").replace("every: code_host", "system: hub")
    assert said(shown(SNAPSHOT, give, DISABLE, only)) == ["'delete' would delete data before the hand-over is done"]


def test_notices_say_what_is_left_out() -> None:
    old = _system("old", "tree", "    class: code_host\n")
    none = "  - {name: chat, title: Chat, every: chat, ability: disable, at: cutoff, gate: access}\n"
    found = shown(SNAPSHOT, DISABLE, none, systems=(_system("hub"), old, _system("shed", "tree")))
    assert said(found) == []
    assert noticed(found) == [
        "'snapshot' is not possible on 'old': the connector 'tree' cannot do it",
        "no system has the class 'chat', so there is no step 'chat'",
        "no step is for the system 'shed'",
    ]
    assert noticed(shown(SNAPSHOT)) == [
        "no step changes anything in the system 'hub'",
        "no step changes anything in the system 'lab'",
    ]
    remedies = [notice.remedy for notice in coverage_notices(found, CATALOGUE, CLASSES)]
    assert "'class'" in remedies[-1] and all(remedies)


def test_the_version_names_the_files_and_the_expansion() -> None:
    both, more = shown(SNAPSHOT), shown(SNAPSHOT, systems=(_system("hub"), _system("lab"), _system("new")))
    assert both.version != packet(SNAPSHOT).version and more.version != both.version
    assert both.version == packet_version(both.files, {"look": ("hub", "lab")})
    assert both.version != packet_version(both.files, {"look": ("lab", "hub")})
    plain = packet(SNAPSHOT.replace("every: code_host", "system: hub"))
    assert expanded(plain, CATALOGUE, CLASSES) is plain and plain.version == packet_version(plain.files)


def test_an_adopted_version_keeps_its_expansion_whatever_connectors_can_do_later() -> None:
    both = shown(SNAPSHOT, SESSIONS.replace(", needs: [off]", ""))
    owner = Actor(actor_id="vera", human="vera", roles=frozenset({"value_owner"}))
    [draft] = adopt(PacketState(), both, owner)
    assert isinstance(draft.event, PacketAdopted)
    again = parse_packet(draft.event.files, expansion=draft.event.expansion)
    assert (again.version, again.workflow, again.expansion) == (both.version, both.workflow, both.expansion)
    less = {**CATALOGUE, "forge": {"snapshot": CATALOGUE["forge"]["snapshot"]}}
    before = expanded(again, less, CLASSES)
    assert before.version != again.version, "the same files under other connectors"
    assert [notice.message for notice in coverage_notices(before, less, CLASSES)][:2] == [
        "'revoke_sessions' is not possible on 'hub': the connector 'forge' cannot do it",
        "'revoke_sessions' is not possible on 'lab': the connector 'forge' cannot do it",
    ]
    upgraded = coverage_notices(before, CATALOGUE, CLASSES)
    assert upgraded[0].message == "'revoke_sessions' on 'hub' was not possible yet when this version was adopted"
    assert "adopt the files again" in upgraded[0].remedy
    plain = PacketAdopted(
        name="p", version="v", workflow="", platform="", approvals="", value_owner="a", safety_owner="b", by="c"
    )
    assert "expansion" not in plain.model_dump(mode="json"), "stored as before"


def test_a_run_does_not_get_steps_for_a_system_of_a_later_version() -> None:
    """A re-plan uses the version of the run, and approvals stay valid."""
    step = ("{name: disable, title: Disable, system: code, ", "{name: disable, title: Disable, every: code_host, ")
    pinned = expanded(run_world.packet(workflow=step), run_world.CATALOGUE, CLASSES)
    hub = f"systems:\n{_system('hub')}"
    later = run_world.packet(workflow=step, platform=("systems:\n", hub))
    newer = expanded(later, run_world.CATALOGUE, CLASSES)
    assert [name for name in needs(newer) if name.startswith("disable")] == ["disable-hub", "disable-code"]
    story = run_world.Story(pinned)
    story.approve_all()
    planned = {step.name for step in story.state.plan.steps.values()}
    assert "disable-code" in planned and story.planned("sessions").needs == ("disable-code",)
    story.today(newer)
    story.replan()
    assert {step.name for step in story.state.plan.steps.values()} == planned and story.open_gates() == []
    afresh = run_world.Story(newer, ready=False)
    afresh.finds["hub"] = [run_world.account("hub")]
    afresh.search()
    assert {step.name for step in afresh.state.plan.steps.values()} == planned | {"disable-hub"}
    assert {"disable-hub", "disable-code"} <= afresh.asked_at(afresh.open_gates()[0])


def test_a_small_file_does_not_make_a_large_packet() -> None:
    systems = tuple(_system(f"s{number}") for number in range(30))
    steps = [SNAPSHOT.replace("look", f"look{number}") for number in range(MAX_STEPS // 30 + 1)]
    with pytest.raises(PacketProblems) as refused:
        expanded(packet(*steps, systems=systems), CATALOGUE, CLASSES)
    assert "510 steps, and 500 are possible" in refused.value.problems[0].message


@pytest.mark.parametrize("name", starter_names())
def test_a_starter_packet_leaves_nothing_out(name: str) -> None:
    assert coverage_notices(starter_packet(name), connector_kinds(), SYSTEM_CLASSES) == []


def test_connectors_and_packets_have_the_same_classes() -> None:
    assert get_args(ConnectorsClass) == get_args(SystemClass)
    assert {kind: SYSTEM_CLASSES[kind] for kind in connector_kinds() if SYSTEM_CLASSES[kind] is None} == {"scim": None}
    assert (SYSTEM_CLASSES["okta"], SYSTEM_CLASSES["github"]) == ("identity_provider", "code_host")
