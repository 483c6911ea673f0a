"""Differences between two versions of a packet: complete by the models, and each kind as a reader expects it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from pydantic import BaseModel

from orchestrator.documents.packet_changes import change_sentence, changes_document
from orchestrator.domain.packet import packet as models
from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.packet.versions import change_table, changes
from orchestrator.domain.packet.written import Written

STANDARD = starter_packet("standard-leaver")
NUMBER = "- {key: employee_number, attribute: employee_number}"
EMAIL = "- {key: email, attribute: email}"
WRITTEN = {
    model
    for model in vars(models).values()
    if isinstance(model, type) and issubclass(model, Written) and model is not Written
}
CASES = [
    (WORKFLOW_FILE, "title: Employee offboarding", "title: Leaving", "wording",
     "Title, from “Employee offboarding” to “Leaving”."),
    (WORKFLOW_FILE, "access_gone_within: PT1H", "access_gone_within: PT30M", "stricter",
     "Outcomes: target for the removal of access, from 1 hour to 30 minutes."),
    (WORKFLOW_FILE, "access_gone_within: PT1H", "access_gone_within: PT2H", "laxer",
     "Outcomes: target for the removal of access, from 1 hour to 2 hours."),
    (WORKFLOW_FILE, "batch_cap: 10 ", "batch_cap: 20 ", "laxer",
     "Thresholds: runs that one list can start without a confirmation, from 10 to 20."),
    (WORKFLOW_FILE, "    gate: deletion\n", "", "laxer",
     "Step “Release the mailbox licence”: gate, from deletion to none."),
    (WORKFLOW_FILE, "needs: [disable_identity]\n    at: cutoff\n\n  # ---", "at: cutoff\n\n  # ---", "other",
     "Step “Change shared passwords and keys”: steps before it, from disable_identity to none."),
    (WORKFLOW_FILE, "      role: operator", "      role: requester", "other",
     "Step “Hand over approvals and ownership”, task: role, from operator to requester."),
    (WORKFLOW_FILE, "title: Employee offboarding", "title: Employee offboarding  # as before", "wording",
     "Comments, layout or order of workflow.yaml."),
    (PLATFORM_FILE, "team: People team", "team: HR team", "wording",
     "System “HR system”, support: team, from “People team” to “HR team”."),
    (PLATFORM_FILE, "hours: Mon-Fri 08:00-18:00 Europe/Berlin", "hours: Mon-Sat 08:00-18:00 Europe/Berlin", "wording",
     "System “HR system”, support: hours, from “Mon-Fri 08:00-18:00 Europe/Berlin” to "
     "“Mon-Sat 08:00-18:00 Europe/Berlin”."),
    (PLATFORM_FILE, "      on_call: people-on-call@example.org\n", "", "laxer",
     "System “HR system”, support: on-call contact, from people-on-call@example.org to none."),
    (PLATFORM_FILE, "      on_call: people-on-call@example.org\n",
     "      on_call: people-on-call@example.org\n      role: operator\n", "other",
     "System “HR system”, support: role that owns exceptions, from none to operator."),
    (PLATFORM_FILE, "hosts: [127.0.0.1, localhost]", "hosts: [localhost]", "other",
     "System “HR system”: hosts, from 127.0.0.1 and localhost to localhost."),
    (PLATFORM_FILE, "hosts: [127.0.0.1, localhost]", "hosts: [localhost, a.example]", "laxer",
     "System “HR system”: hosts, from 127.0.0.1 and localhost to localhost and a.example."),
    (PLATFORM_FILE, "rate_per_second: 10", "rate_per_second: 5", "other",
     "System “Identity provider”: requests per second, from 10 to 5."),
    (PLATFORM_FILE, "    rate_per_second: 10\n", "", "laxer",
     "System “Identity provider”: requests per second, from 10 to none."),
    (PLATFORM_FILE, "systems: [hr], up_to: stage}      # the", "systems: [hr], up_to: read}  # the", "other",
     "Role requester, system “HR system”: permission, from stage to read."),
    (PLATFORM_FILE, "approver, systems: [hr, cards]", "approver, systems: [hr, cards, mail]", "laxer",
     "Role finance approver, system “Mail”: permission, from none to change."),
    (PLATFORM_FILE, '# - {who: "*", kind: assistant, up_to: prepare}',
     '- {who: "*", kind: assistant, systems: [mail], up_to: read}', "laxer",
     "Every assistant, system “Mail”: permission, from none to read."),
    (PLATFORM_FILE, f"      {NUMBER}\n      {EMAIL}\n", f"      {EMAIL}\n      {NUMBER}\n", "other",
     "System “HR system”: order of the match keys, from employee_number=employee_number and email=email to "
     "email=email and employee_number=employee_number."),
    (APPROVALS_FILE, "quorum: 1", "quorum: 2", "other",
     "Gate “Remove access”: number of people who decide, from 1 to 2."),
    (APPROVALS_FILE, "decided_by: [it_approver]", "decided_by: [it_approver, operator]", "laxer",
     "Gate “Remove access”: roles that decide, from it_approver to it_approver and operator."),
    (APPROVALS_FILE, "decided_by: [it_approver, safety_owner]", "decided_by: [safety_owner]", "other",
     "Gate “Licences and deletions”: roles that decide, from it_approver and safety_owner to safety_owner."),
    (APPROVALS_FILE, "postpone:\n  allowed_to: [requester]\n", "", "other", "Postponing: removed."),
    (APPROVALS_FILE, "  allowed_to: [requester, it_approver]", "  allowed_to: [requester, it_approver, operator]",
     "laxer", "Urgent starts: roles that can start urgent runs, from requester and it_approver to requester, "
     "it_approver and operator."),
]  # fmt: skip


def changed(file: str, *swaps: tuple[str, str], of: Packet = STANDARD) -> Packet:
    text = of.files[file].decode()
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new, 1)
    return parse_packet({**of.files, file: text.encode()})


def test_every_field_of_a_packet_has_a_row() -> None:
    for model in WRITTEN - {models.DecisionSpec, models.LevelRule}:
        assert set(change_table.ROWS[model]) == set(model.model_fields), model.__name__
    assert set(change_table.ROWS) == WRITTEN - {models.DecisionSpec, models.LevelRule}
    assert set(models.LevelRule.model_fields) == change_table.GRANT_FIELDS


def test_an_unknown_field_is_other() -> None:
    class New(BaseModel):
        field: int = 1

    assert change_table.row_of(New, "field").judge(1, 2) == "other"


@pytest.mark.parametrize(("file", "old", "new", "kind", "sentence"), CASES)
def test_each_change_has_a_kind_and_a_sentence(file: str, old: str, new: str, kind: str, sentence: str) -> None:
    after = changed(file, (old, new))
    [change] = changes.changes(STANDARD, after)
    assert (change.file, change.kind, change_sentence(change)) == (file, kind, sentence)
    assert change.owner == {WORKFLOW_FILE: "value", PLATFORM_FILE: "safety", APPROVALS_FILE: "both"}[file]


def test_default_limits_that_are_written_out_are_wording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "DEFAULT_START_LIMITS", models.StartLimits())
    limits = "starts:\n  window: PT1H\n  per_requester: 50\n  per_packet: 200\n  urgent_per_requester: 3\n"
    [same] = changes.changes(STANDARD, changed(APPROVALS_FILE, ("exceptions:\n", f"{limits}exceptions:\n")))
    assert (same.kind, same.what) == ("wording", "text")
    more = limits.replace("per_packet: 200", "per_packet: 300")
    [laxer] = changes.changes(STANDARD, changed(APPROVALS_FILE, ("exceptions:\n", f"{more}exceptions:\n")))
    assert (laxer.kind, laxer.place) == ("laxer", ("starts", "per_packet"))


def test_steps_and_systems_are_added_and_removed_by_name() -> None:
    step = "  - {name: badge, title: Block the badge, task: {role: operator, instruction: Block it.}}\n"
    more = changed(WORKFLOW_FILE, ("steps:\n", f"steps:\n{step}"))
    [added] = changes.changes(STANDARD, more)
    assert (added.kind, change_sentence(added)) == ("other", "Step “Block the badge”: added.")
    [removed] = changes.changes(more, STANDARD)
    assert (removed.kind, change_sentence(removed)) == ("laxer", "Step “Block the badge”: removed.")


def test_the_document_counts_by_kind_and_a_version_does_not_differ_from_itself() -> None:
    after = changed(
        APPROVALS_FILE,
        ("decide_together: true", "decide_together: false"),
        ("decide_within: P1D", "decide_within: P2D"),
    )
    document = changes_document(STANDARD, after)
    assert document["counts"] == {"wording": 0, "stricter": 1, "laxer": 1, "other": 0}
    assert changes_document(STANDARD, STANDARD)["changes"] == [] == changes_document(None, STANDARD)["changes"]
    assert document["changes"][1] | {"sentence": ""} == {
        "file": "approvals.yaml",
        "owner": "both",
        "kind": "stricter",
        "place": "gates.access.decide_together",
        "sentence": "",
        "before": "yes",
        "after": "no",
    }


def test_other_systems_of_a_class_concern_both_owners() -> None:
    text = b"  - {name: out, title: Out, every: chat, ability: revoke_sessions, at: cutoff, gate: access}\n"
    files = {**STANDARD.files, WORKFLOW_FILE: STANDARD.files[WORKFLOW_FILE] + text}
    one = parse_packet(files, expansion={"out": ("code",)})
    two = parse_packet(files, expansion={"out": ("code", "identity")})
    [more] = changes.changes(one, two)
    [less] = changes.changes(two, one)
    assert (more.owner, more.kind, less.kind) == ("both", "other", "laxer")
    assert change_sentence(more) == "Step “Out”: systems of the class, from code to code and identity."


KINDS: dict[str, tuple[str, str]] = {
    # The kinds of a smaller and of a larger value: of half of the time in production, and of its double.
    "OutcomeTargets.access_gone_within": ("stricter", "laxer"),
    "Thresholds.batch_cap": ("stricter", "laxer"),
    "Thresholds.retries_become_exception_after": ("stricter", "laxer"),
    "Thresholds.accounts_fresh_for": ("other", "laxer"),
    "Thresholds.task_due_within": ("stricter", "laxer"),
    "WorkflowStep.minutes_saved": ("stricter", "laxer"),
    "TaskSpec.due_within": ("stricter", "laxer"),
    "SystemSpec.deadline": ("other", "laxer"),
    "SystemSpec.settle": ("other", "other"),
    "SystemSpec.token_lifetime": ("laxer", "stricter"),
    "SystemSpec.rate_per_second": ("other", "laxer"),
    "GateSpec.quorum": ("laxer", "other"),
    "GateSpec.decide_within": ("other", "laxer"),
    "GateSpec.valid_for": ("other", "laxer"),
    "CloseSpec.quorum": ("laxer", "other"),
    "CloseSpec.decide_within": ("other", "laxer"),
    "CloseSpec.valid_for": ("other", "laxer"),
    "UrgentSpec.review_within": ("stricter", "laxer"),
    "UrgentSpec.late_after": ("other", "other"),
    "PauseSpec.ends_within": ("other", "laxer"),
    "ExceptionSpec.due_within": ("stricter", "laxer"),
    "EmbargoSpec.lasts": ("other", "other"),
    "StartLimits.window": ("other", "other"),
    "StartLimits.per_requester": ("other", "laxer"),
    "StartLimits.per_packet": ("other", "laxer"),
    "StartLimits.urgent_per_requester": ("other", "laxer"),
    "StartLimits.urgent_per_packet": ("other", "laxer"),
}  # fmt: skip


def test_numbers_and_times_are_stricter_only_where_no_step_fails_or_waits() -> None:
    numeric = re.compile(
        r"<class '(int|float|datetime\.timedelta)'>|typing\.Optional\[typing\.Annotated\[(float|date).*"
    )
    found = {
        f"{model.__name__}.{name}": timedelta(days=2) if "timedelta" in str(field.annotation) else 8
        for model in change_table.ROWS
        for name, field in model.model_fields.items()
        if numeric.fullmatch(str(field.annotation))
    }
    assert set(found) == set(KINDS)
    models_by_name = {model.__name__: model for model in change_table.ROWS}
    for name, value in found.items():
        model, _, field = name.partition(".")
        judge = change_table.row_of(models_by_name[model], field).judge
        assert (judge(value, value / 2), judge(value, value * 2)) == KINDS[name], name


def test_an_exception_is_not_made_due_at_once_by_one_owner() -> None:
    """Below a floor, and below half of the time in production, exceptions open that no one needs."""
    for value, kind in (("PT12H", "stricter"), ("PT11H59M", "other"), ("PT1S", "other"), ("P2D", "laxer")):
        [change] = changes.changes(STANDARD, changed(APPROVALS_FILE, ("due_within: P1D", f"due_within: {value}")))
        assert (value, change.kind) == (value, kind)
    shorter = changed(APPROVALS_FILE, ("due_within: P1D", "due_within: PT6H"))
    [change] = changes.changes(shorter, changed(APPROVALS_FILE, ("due_within: P1D", "due_within: PT3H59M")))
    assert change.kind == "other", "a version after a version approaches no value below the floor"


def test_true_is_not_the_number_one() -> None:
    """They are different values for a connector, and the same for Python."""
    parameters = '      at: "= run.cutoff"          # text'
    flag = changed(WORKFLOW_FILE, (parameters, f"      keep: {{all: [true]}}\n{parameters}"))
    number = changed(WORKFLOW_FILE, (parameters, f"      keep: {{all: [1]}}\n{parameters}"))
    [change] = changes.changes(flag, number)
    assert (change.kind, change.place) == ("other", ("steps", "record_leaving", "parameters"))


def test_a_match_key_that_is_written_twice_is_seen() -> None:
    weak = f"{NUMBER[:-1]}, strength: weak}}"
    before = changed(PLATFORM_FILE, (NUMBER, weak))
    after = changed(PLATFORM_FILE, (NUMBER, f"{NUMBER}\n      {weak}"))
    assert {change.kind for change in changes.changes(before, after)} >= {"laxer", "other"}
