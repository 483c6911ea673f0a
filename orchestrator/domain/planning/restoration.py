"""What a restore does about one step of the run that it undoes. It is frozen when the restore is requested."""

from __future__ import annotations

from typing import Literal

from orchestrator.domain.planning.plan import Frozen

RestoreAct = Literal["restore", "task", "none"]
RestoreWhy = Literal[
    "no_inverse",
    "done_by_hand",
    "outcome_unknown",
    "record_in_hr",
    "not_done",
    "changes_nothing",
    "signs_in_again",
    "inactive_before",
    "account_ended",
    "nothing_taken",
    "not_recorded",
]
"""Why a step is not restored by Offboard. `no_inverse`, `done_by_hand`, `outcome_unknown`, `record_in_hr` and
`not_recorded` are tasks for people."""


class Restoration(Frozen):
    """`restored_step` is the id, in the run that is undone, of the step; empty for HR's own record of the leaving.
    `ability` restores what it took, and `step_id` is the id of the step that does that; several steps can share one.
    `gives_access`: people approve it. `gives_things`: it restores things that are named, such as groups."""

    restored_step: str
    name: str
    title: str
    system: str = ""
    account_id: str = ""
    act: RestoreAct
    why: RestoreWhy | None = None
    ability: str = ""
    step_id: str = ""
    gives_access: bool = True
    gives_things: bool = False
