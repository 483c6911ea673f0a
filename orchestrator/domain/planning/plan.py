"""The frozen plan of one run: its steps, what each needs, and the digests that people approve.

A step's id comes from its ability, system and account, never from a position, so that the same work keeps its name
when a plan is made again. Its digest covers what is done, under which rule; it leaves out the cutoff and the ids of
other steps, so that a moved cutoff or a newly found account elsewhere does not undo a decision.
"""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.domain.packet.formulas import reads_cutoff
from orchestrator.domain.permissions.levels import Level


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedStep(Frozen):
    """One ability on one system for one account, or (with `task_role`) one piece of work for a person.

    `account_id` is opaque; it is empty where the ability needs no account. `anchor` and `offset` say when the step is
    due; `deadline` and `settle` are seconds. `uncertain`: the packet's condition could not be evaluated for
    this account, so people decide whether the step is wanted. `parameters` hold expressions unresolved: values about
    people are worked out when the step runs and are never part of a digest. `cuts_access` is the ability's: an urgent
    run does it before its gates. `ends_access`: it does not, and still is what removes access on its system
    (`packet/access_removal.py`). Plans of earlier versions do not have it.
    `tokens_last`: for how long after the step, if it removes access, tokens that were issued before are accepted. Plans
    of earlier versions have none, and are encoded without it.
    """

    step_id: str
    digest: str
    name: str
    title: str
    system: str = ""
    ability: str = ""
    account_id: str = ""
    level: Level
    repeat: Literal["freely", "keyed", "never"] = "freely"
    keyed_for: timedelta | None = None
    read_back: bool = True
    reversible: Literal["no", "yes", "limited"] = "no"
    reversible_for: timedelta | None = None
    cuts_access: bool = False
    ends_access: bool = Field(default=False, exclude_if=lambda value: not value)
    needs: tuple[str, ...] = ()
    anchor: Literal["approval", "cutoff"] = "approval"
    offset: timedelta = timedelta(0)
    gate: str | None = None
    parameters: dict[str, Any] = {}
    deadline: float = 20.0
    settle: float = 0.0
    tokens_last: timedelta | Literal["unknown"] = Field(
        default=timedelta(0), exclude_if=lambda last: last == timedelta(0)
    )
    queue: str | None = None
    minutes_saved: int = 0
    task_role: str | None = None
    task_instruction: str = ""
    task_due_within: timedelta | None = None
    evidence_required: bool = False
    uncertain: bool = False

    @property
    def removes_access(self) -> bool:
        """Whether the person's access on the system counts as removed only once this step is done."""
        return self.cuts_access or self.ends_access

    @property
    def is_task(self) -> bool:
        return self.task_role is not None

    @property
    def place(self) -> str:
        """Where it cuts access: its system, or the step's name for a task, which has no system."""
        return self.system or self.name


def step_id(ability: str, system: str, account_id: str) -> str:
    return "s-" + digest_of([ability, system, account_id])[:20]


def step_digest(step: PlannedStep, generation: int = 1) -> str:
    """What an approver decides about. `needs` are names of the packet here, not ids of this run. A `generation` beyond
    the first is part of it where a repeat needs an approval of its own."""
    covered = step.model_dump(
        mode="json",
        include={
            "step_id",
            "name",
            "title",
            "system",
            "ability",
            "account_id",
            "level",
            "repeat",
            "reversible",
            "needs",
            "uncertain",
            "anchor",
            "offset",
            "gate",
            "parameters",
            "task_role",
            "task_instruction",
        },
    )
    return digest_of(covered if generation == 1 else {**covered, "generation": generation})


def sends_cutoff(step: PlannedStep) -> bool:
    """Whether a parameter of the step is worked out from the run's cutoff, so that the system is sent a date."""
    return reads_cutoff(step.parameters)


def depends_on_cutoff(step: PlannedStep) -> bool:
    """Whether another cutoff changes when the step is carried out or what the system is sent."""
    return step.anchor == "cutoff" or sends_cutoff(step)


def sent_cutoff_by_first_rule(step: PlannedStep) -> bool:
    """What `sends_cutoff` was while events did not record which steps are repeated. Old events keep this meaning."""
    return any(
        isinstance(value, str) and value.startswith("=") and "run.cutoff" in value for value in step.parameters.values()
    )


def plan_digest(steps: tuple[PlannedStep, ...]) -> str:
    return digest_of(sorted(step.digest for step in steps))


def effect_key(run_id: str, step: str, generation: int) -> str:
    """Names one intended effect for good: a retry of an unknown outcome uses the same key again."""
    return "e-" + digest_of([run_id, step, generation])[:32]


def digest_of(value: object) -> str:
    """SHA-256, in hex, of the value as JSON: keys sorted, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
