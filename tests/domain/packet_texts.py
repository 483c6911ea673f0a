"""A small whole packet, to be spoiled in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

WORKFLOW = """\
name: leaver
title: Somebody leaves
purpose: Access ends with the work.
value_owner: value_owner
outcomes:
  access_gone_within: PT1H
steps:
  - name: look
    title: Look
    system: code
    ability: snapshot
  - name: hand_over
    title: Hand over
    task: {role: operator, instruction: Hand everything over.}
  - name: disable
    title: Disable
    system: code
    ability: disable
    needs: [look]
    at: cutoff
    gate: access
  - name: remove
    title: Delete
    system: code
    ability: delete_account
    needs: [disable, hand_over]
    at: cutoff+P30D
    gate: access
"""

PLATFORM = """\
safety_owner: safety_owner
systems:
  hr:
    title: HR
    connector: people
    connection: {url: env:HR_URL}
    hosts: [hr.example]
  code:
    title: Code
    connector: forge
    connection: {url: "https://code.example", token: env:CODE_TOKEN}
    hosts: [code.example]
    match:
      - {key: employee_number, attribute: number}
levels:
  - {who: requester, up_to: read}
  - {who: approver, up_to: change}
hr:
  system: hr
"""

APPROVALS = """\
gates:
  access:
    title: Access
    decided_by: [approver]
    decide_within: P1D
    valid_for: P7D
exceptions:
  owner: operator
"""

FILES = {"workflow.yaml": WORKFLOW, "platform.yaml": PLATFORM, "approvals.yaml": APPROVALS}


def packet_files(**changes: tuple[str, str]) -> dict[str, bytes]:
    """`packet_files(workflow=("old", "new"))`: the packet with one text replaced by another."""
    files = dict(FILES)
    for stem, (old, new) in changes.items():
        name = f"{stem}.yaml"
        assert old in files[name], f"{old!r} is not in {name}"
        files[name] = files[name].replace(old, new, 1)
    return {name: text.encode() for name, text in files.items()}


@dataclass(frozen=True)
class SampleAbility:
    """An ability as the domain sees it."""

    name: str
    level: Literal["read", "prepare", "stage", "change"] = "change"
    repeat: Literal["freely", "keyed", "never"] = "freely"
    keyed_for: timedelta | None = None
    read_back: bool = True
    reversible: Literal["no", "yes", "limited"] = "yes"
    reversible_for: timedelta | None = None
    cuts_access: bool = False
    ends_account: bool = False
    needs_account: bool = True
    settles_within: timedelta = timedelta(0)
    destroys: bool = False
    hands_over: bool = False
    tokens_last: timedelta | None = timedelta(0)
    regained_by_sign_in: bool = False
    takes_nothing: bool = False
    undone_by: str = ""
    taken_as: str = ""
    recorded_as: str = ""
    gives_access: bool = False


@dataclass(frozen=True)
class SampleSetting:
    name: str
    secret: bool = False
    required: bool = True


ABILITIES = {
    "people": {"stage_leaving": SampleAbility("stage_leaving", level="stage", needs_account=False)},
    "forge": {
        act.name: act
        for act in (
            SampleAbility("snapshot", level="read"),
            SampleAbility("disable", cuts_access=True),
            SampleAbility("delete_account", reversible="no", destroys=True),
            SampleAbility("deactivate", reversible="limited", ends_account=True),
            SampleAbility("wipe_account", reversible="no", destroys=True),
            SampleAbility("pass_on", hands_over=True),
            SampleAbility("pay", repeat="never"),
            SampleAbility("rename"),
        )
    },
}
SETTINGS = {
    "people": [SampleSetting("url")],
    "forge": [SampleSetting("url"), SampleSetting("token", secret=True), SampleSetting("zone", required=False)],
}
