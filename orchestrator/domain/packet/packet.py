"""The packet: three files in which two owners say how people leave, and everything that is in them.

    workflow.yaml    Workflow   the business's: steps, their order, thresholds, outcomes
    platform.yaml    Platform   IT's: systems, how accounts are matched, who may go how far
    approvals.yaml   Approvals  shared: gates, urgent starts, exceptions

Models only say what is well-formed in itself; `packet_files` reads them, `packet_checks` judges them together.
Roles, systems, steps and gates are named by slugs: lower-case letters, digits, `_` and `-`.

Over 400 lines: one noun, with a model for each section of the three files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from orchestrator.domain.organisation.person import PERSON_FIELDS
from orchestrator.domain.packet.ability import SystemClass
from orchestrator.domain.packet.support import SupportSpec, TextOrSection
from orchestrator.domain.packet.timing import Duration, PositiveDuration, Timing
from orchestrator.domain.packet.written import Written
from orchestrator.domain.permissions.levels import ActorKind, Level

WORKFLOW_FILE: Final = "workflow.yaml"
PLATFORM_FILE: Final = "platform.yaml"
APPROVALS_FILE: Final = "approvals.yaml"
FILE_NAMES: Final = (WORKFLOW_FILE, PLATFORM_FILE, APPROVALS_FILE)

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ConnectorName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z][a-z0-9_-]{0,62}(@[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9][A-Za-z0-9.!+_-]{0,49})?$"
    ),
]
"""A kind of connector: one that Offboard brings, or `NAME@DISTRIBUTION==VERSION` for one of another distribution."""
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class OutcomeTargets(Written):
    """What the business promises itself. `access_gone_within` counts from the cutoff to the last verified step that
    cuts access."""

    access_gone_within: PositiveDuration


class Thresholds(Written):
    """`batch_cap`: how many runs one list can start before the requester has to confirm the number. It finds a wrong
    file; the limits in `starts` hold for every entry point.
    `retries_become_exception_after`: how long a system can fail before an exception opens; retries continue.
    `accounts_fresh_for`: the maximum age of the last search of a system when something is changed there.
    `task_due_within`: the due date of tasks without their own."""

    batch_cap: Annotated[int, Field(ge=1)] = 10
    retries_become_exception_after: PositiveDuration = timedelta(minutes=15)
    accounts_fresh_for: PositiveDuration = timedelta(hours=1)
    task_due_within: PositiveDuration = timedelta(days=3)


class TaskSpec(Written):
    """Work that only a person can do. `hands_over`: the task gives what the leaver has to another person. Without it,
    a task is a hand-over if the step's name begins with `hand_over`, `transfer_` or `forward_`. `cuts_access`: the task
    removes access that the leaver has without an account, such as by a password that several people know. `destroys`:
    the task deletes data, so that a legal hold keeps it from being opened."""

    role: Slug
    instruction: Sentence
    evidence_required: bool = True
    due_within: PositiveDuration | None = None
    hands_over: bool | None = None
    cuts_access: bool = False
    destroys: bool = False


_HAND_OVER_NAMES: Final = ("hand_over", "transfer_", "forward_")
"""How the names of hand-over tasks begin in packets that do not declare `hands_over`. Packets signed before the field
existed keep their meaning by it."""


class WorkflowStep(Written):
    """One ability on one system, or on every system of a class, or one task for a person. It begins when everything
    in `needs` is done, its time `at` has come and its `gate` is open; where `when` (CEL over person, account, run)
    is false it is not planned. `when` and the gate's `needed_when` are evaluated again for an account that a later
    search shows active again, or privileged, and with a new plan; once the run has changed an account, what is
    planned for it stays planned. A parameter that is a string beginning with `= ` is a CEL expression over person
    and run, evaluated when the step is carried out. `minutes_saved` is the manual work that the step replaces. A
    step with `every` becomes a step for each system of the class whose connector has the ability."""

    name: Slug
    title: Sentence
    system: Slug | None = None
    every: SystemClass | None = None
    ability: Slug | None = None
    task: TaskSpec | None = None
    needs: tuple[Slug, ...] = ()
    when: str | None = None
    at: Timing = Timing()
    gate: Slug | None = None
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    minutes_saved: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _ability_or_task(self) -> WorkflowStep:
        place = self.system or self.every
        if self.system is not None and self.every is not None:
            raise ValueError("use either 'system', or 'every' with a class of systems")
        if (place is None) == (self.task is None) or (place is None) != (self.ability is None):
            raise ValueError("use either 'system' with 'ability', 'every' with 'ability', or 'task'")
        return self

    @property
    def is_hand_over_task(self) -> bool:
        """Whether this is a task that gives what the person has to another person."""
        if self.task is None:
            return False
        if self.task.hands_over is None:
            return self.name.startswith(_HAND_OVER_NAMES)
        return self.task.hands_over


class WatchSpec(Written):
    """So many days after the close of a run its systems are checked again for access that came back; none switches the
    checks off."""

    days: Annotated[tuple[Annotated[int, Field(ge=1, le=366)], ...], Field(max_length=12)] = (1, 7, 30)

    @field_validator("days")
    @classmethod
    def _ascending(cls, days: tuple[int, ...]) -> tuple[int, ...]:
        if list(days) != sorted(set(days)):
            raise ValueError("name each day once, the first one first, such as [1, 7, 30]")
        return days


class Workflow(Written):
    """`value_owner` is the role which answers for this file. `pilot` (CEL over person) names the people for whom the
    packet works while it is in its pilot phase; without it a pilot covers no one."""

    name: Slug
    title: Sentence
    purpose: Sentence
    value_owner: Slug
    outcomes: OutcomeTargets
    thresholds: Thresholds = Thresholds()
    pilot: str | None = None
    watch: WatchSpec = WatchSpec()
    steps: Annotated[tuple[WorkflowStep, ...], Field(min_length=1)]

    def step(self, name: str) -> WorkflowStep:
        """Raises `KeyError` for a name that no step has."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


class MatchKey(Written):
    """One way to tell that an account is this person's: the person's `key` equals the account's `attribute`.
    Keys are listed by rank. `strong` may match alone; `weak` only opens a question, and so does a value that HR has for
    another person too, or that is not the account's main one, such as an alias."""

    key: str
    attribute: Sentence
    strength: Literal["strong", "weak"] = "strong"

    @field_validator("key")
    @classmethod
    def _known(cls, key: str) -> str:
        if key not in MATCHABLE:
            raise ValueError(f"people can't be matched by {key!r}; use one of {', '.join(sorted(MATCHABLE))}")
        return key

    @model_validator(mode="after")
    def _truly_strong(self) -> MatchKey:
        if self.strength == "strong" and self.key in NEVER_STRONG:
            raise ValueError(f"{self.key!r} can belong to several people over time; add 'strength: weak'")
        return self


MATCHABLE: Final = frozenset(
    {"hr_id", "employee_number", "email", "former_emails", "display_name", "given_name", "family_name", "name"}
)
NEVER_STRONG: Final = frozenset({"former_emails", "display_name", "given_name", "family_name", "name"})


class SystemSpec(Written):
    """One system behind one connector. A connection value `env:NAME` or `file:PATH` is read by the worker, so that
    this file contains no secret. `hosts` are the only ones the connector may speak to. `deadline` is the total time
    of one attempt; `settle` overrides how long the system may show an old state. `token_lifetime` overrides for how
    long access tokens or tickets that the system issued are accepted; zero if it issues none. `expected`: everyone has
    an account here, so finding none is a question for a person; otherwise it is an answer. `class` is what the system
    is to the company; without it, the class of its connector counts. `support` says who supports it, and `runbook` in
    a sentence what to do first. `service_accounts` are patterns, such as `svc-*`, for names of accounts that no person
    owns and that are expected."""

    title: Sentence
    connector: ConnectorName
    system_class: SystemClass | None = Field(default=None, alias="class")
    connection: dict[str, str] = Field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    match: tuple[MatchKey, ...] = ()
    expected: bool = True
    deadline: PositiveDuration = timedelta(seconds=20)
    settle: Duration | None = None
    token_lifetime: Duration | None = None
    rate_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    queue: Slug | None = None
    support: Annotated[SupportSpec, TextOrSection()] = SupportSpec()
    runbook: str = ""
    service_accounts: tuple[Sentence, ...] = ()

    @field_validator("support", mode="before")
    @classmethod
    def _team_alone(cls, support: object) -> object:
        return {"team": support} if isinstance(support, str) else support

    @property
    def connector_origin(self) -> str:
        """The distribution and version that bring the connector, such as `offboard-wiki 1.2.0`."""
        return self.connector.partition("@")[2].replace("==", " ") or "Offboard"


class LevelRule(Written):
    """Grants `who` (a role, or `*` for everyone of that kind) the levels up to `up_to`."""

    who: Slug | Literal["*"]
    kind: ActorKind = "person"
    systems: Annotated[tuple[Slug | Literal["*"], ...], Field(min_length=1)] = ("*",)
    workflows: Annotated[tuple[Slug | Literal["*"], ...], Field(min_length=1)] = ("*",)
    up_to: Level


PEOPLE_CSV: Final = "people_csv"
"""The connector that reads people from HR's CSV files, with the mapping of the HR section."""


class HrSpec(Written):
    """Where people come from: the HR system, the columns of its CSV export (Offboard's name of the field: the column's
    title), and how the export is written. The connector `people_csv` documents the fields of `export_format`."""

    system: Slug
    export_columns: dict[str, str] = Field(default_factory=dict)
    export_format: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("export_columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in EXPORTABLE:
                raise ValueError(f"{name!r} is not a field of people; use one of {', '.join(sorted(EXPORTABLE))}")
        return columns


EXPORTABLE: Final = PERSON_FIELDS | {"cutoff_date", "cutoff_time", "start_date", "status"}


class Platform(Written):
    """`safety_owner` is the role which answers for this file."""

    safety_owner: Slug
    systems: dict[Slug, SystemSpec]
    levels: tuple[LevelRule, ...]
    hr: HrSpec

    @model_validator(mode="after")
    def _one_mapping(self) -> Platform:
        """A system that reads CSV files has the mapping of the HR section, which is written there only."""
        for name, spec in self.systems.items():
            if spec.connector != PEOPLE_CSV:
                continue
            mapping = {
                "columns": json.dumps(self.hr.export_columns, ensure_ascii=False),
                "format": json.dumps(self.hr.export_format, ensure_ascii=False),
            }
            if any(spec.connection.get(setting, value) != value for setting, value in mapping.items()):
                raise ValueError(f"system {name!r}: write the mapping under hr.export_columns and hr.export_format")
            self.systems[name] = spec.model_copy(update={"connection": spec.connection | mapping})
        return self


class DecisionSpec(Written):
    """What gates and signatures of the close have in common: who decides, and until when."""

    title: Sentence
    decided_by: tuple[Slug, ...] = ()
    quorum: Annotated[int, Field(ge=1)] = 1
    decide_within: PositiveDuration
    escalate_to: tuple[Slug, ...] = ()
    valid_for: PositiveDuration
    decide_together: bool = False


class GateSpec(DecisionSpec):
    """A point where people decide. `decided_by` are roles, any of which counts; `quorum` is a number of different
    people. The gate is not needed if `needed_when` (CEL over person, run, step) is false; it is needed without
    `needed_when`, and if its evaluation fails. `valid_for` counts from the cutoff: a decision is not used after that.
    `decide_together`: gates of this name in several runs can be decided in one request, each as a decision of its own.
    """

    needed_when: str | None = None


class CloseSpec(DecisionSpec):
    """A signature that a run needs before it closes, by people with a role of `decided_by`. They are asked once every
    step has ended, and sign how each step and system ended and which exceptions were accepted. If that changes, they
    are asked again. A person signs a run once, so that each entry needs another person. If no one signs within
    `decide_within`, the roles of `escalate_to` are asked as well; an exception opens if there are none, or if they do
    not sign in time either. `valid_for` counts from when people are asked: a signature is not used after that. `quorum`
    and `decide_together` are as for gates."""


class UrgentSpec(Written):
    """Who may start at once with the reversible steps that cut access, and who reviews that start afterwards. A start
    whose cutoff is longer ago than `late_after` is urgent as well."""

    allowed_to: Annotated[tuple[Slug, ...], Field(min_length=1)]
    review_by: Annotated[tuple[Slug, ...], Field(min_length=1)]
    review_within: PositiveDuration
    late_after: PositiveDuration = timedelta(minutes=15)


class PostponeSpec(Written):
    """Who may move a cutoff to a later time, which keeps access open for longer."""

    allowed_to: Annotated[tuple[Slug, ...], Field(min_length=1)]


class PauseSpec(Written):
    """A pause, of a run, a system or all systems, ends automatically after `ends_within` at the latest.
    `second_person`: only a person other than the one who paused resumes changes before that."""

    ends_within: PositiveDuration
    second_person: bool = False


class LegalHoldSpec(Written):
    """A legal hold keeps everything that destroys data from running until it is lifted. `allowed_to` can place and lift
    holds; without it, the roles that can move a cutoff to a later time. `when` (CEL over person): runs for people for
    whom it is true, or cannot be evaluated, start under a hold."""

    allowed_to: tuple[Slug, ...] = ()
    when: str | None = None


class StartLimits(Written):
    """How many runs can be started within `window`, by one requester and under the packet, before further starts are
    held; an urgent start counts toward the limits of all starts and toward its own. `window` is a day at most."""

    window: Annotated[PositiveDuration, Field(le=timedelta(days=1))] = timedelta(hours=1)
    per_requester: Annotated[int, Field(ge=1)] = 50
    per_packet: Annotated[int, Field(ge=1)] = 200
    urgent_per_requester: Annotated[int, Field(ge=1)] = 3
    urgent_per_packet: Annotated[int, Field(ge=1)] = 6


DEFAULT_START_LIMITS = StartLimits()
"""For packets without `starts`, which is every packet from before there were any."""


class ExceptionSpec(Written):
    """Who owns what did not go as planned, and by when it must be settled. A delay that one person accepts, of a step
    or a search that keeps failing, is an exception again after `due_within`. `second_person`: that a failed step was
    done by hand is confirmed by a second person, as it always is for steps that remove access."""

    owner: Slug
    due_within: PositiveDuration = timedelta(days=1)
    second_person: bool = False


class EmbargoSpec(Written):
    """Runs under this packet exist only for those `named` (actors by their ids) and their requester, until the
    time `for` after the cutoff."""

    lasts: PositiveDuration = Field(alias="for")
    named: Annotated[tuple[Sentence, ...], Field(min_length=1)]


class Approvals(Written):
    """`close` has the signatures that a run needs before it closes, by name; without it, a run closes once its last
    step has ended. `launch` is for what a move to production needs. Nothing checks that yet, so a new version leaves it
    empty."""

    gates: dict[Slug, GateSpec]
    close: dict[Slug, CloseSpec] = Field(default_factory=dict)
    urgent: UrgentSpec | None = None
    postpone: PostponeSpec | None = None
    pause: PauseSpec | None = None
    legal_hold: LegalHoldSpec | None = None
    exceptions: ExceptionSpec
    embargo: EmbargoSpec | None = None
    starts: StartLimits | None = None
    launch: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("close")
    @classmethod
    def _other_names(cls, close: dict[str, CloseSpec], known: ValidationInfo) -> dict[str, CloseSpec]:
        same = sorted(close.keys() & known.data.get("gates", {}).keys())
        if same:
            raise ValueError(f"{', '.join(same)} is a gate as well; use another name")
        return close

    @property
    def decisions(self) -> Mapping[str, DecisionSpec]:
        """Everything that people decide, by name: gates and the signatures of the close."""
        return {**self.gates, **self.close}

    @property
    def start_limits(self) -> StartLimits:
        return self.starts if self.starts is not None else DEFAULT_START_LIMITS


Expansion = Mapping[str, tuple[str, ...]]
"""By the name of a step for every system of a class: the systems that it has a step for, as platform.yaml has them."""


class Packet(BaseModel):
    """`version` is the hash of the three files' bytes and of the expansion, so that it names exactly what the owners
    signed. `workflow` has a step for each system in place of a step for every system of a class; `written` is
    workflow.yaml as it is written. `expansion` is None until the classes are looked up, and in a packet that names
    none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workflow: Workflow
    written: Workflow
    expansion: Expansion | None = None
    platform: Platform
    approvals: Approvals
    version: str
    files: dict[str, bytes] = Field(repr=False)

    @property
    def name(self) -> str:
        return self.workflow.name


def packet_version(files: Mapping[str, bytes], expansion: Expansion | None = None) -> str:
    """SHA-256, in hex, over the three files in the order of `FILE_NAMES`, each preceded by its length as eight
    big-endian bytes: without lengths, moving a line from one file's end to the next one's start would not show. With
    an expansion, its JSON text (keys sorted, no spaces, UTF-8) follows in the same way."""
    digest = hashlib.sha256()
    texts = [files[name] for name in FILE_NAMES]
    if expansion:
        texts.append(json.dumps(dict(expansion), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    for text in texts:
        digest.update(len(text).to_bytes(8, "big"))
        digest.update(text)
    return digest.hexdigest()
