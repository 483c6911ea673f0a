"""What a worker can be asked, and what it answers: one model each. All of it travels sealed.

| question | answer | asked by |
|---|---|---|
| `FindPeople` | `PeopleAnswer` | accounts that may prepare runs of the packet |
| `PersonFactsAsked` | `PersonFacts` | accounts that may prepare runs of the packet |
| `PreviewAsked` | `Preview` | accounts that may start the run: refused exactly where the start would be |
| `StartAsked` | `Started` | those who may start the run. The worker opens the run and answers with it |
| `BatchAsked` | `BatchChecked` | those who may prepare runs. The worker records the batch if no row is broken |
| `WhoSignsIn` | `SignsIn` | the sign-in |
| `CheckSystems` | `SystemsChecked` | whom the page lets |
| `SystemTestAsked` | `SystemTested` | accounts that may have the system checked; with a person, that may prepare runs |
| `ListAccountOwners` | `AccountOwners` | accounts with `read` on the system |
| `VerifyLedger` | `LedgerVerified` | whom the page lets |
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from orchestrator.documents.account_owners import AccountOwners
from orchestrator.documents.batches.rows import BatchChecked, BatchRowAsked, BrokenRow
from orchestrator.documents.runs.previews.preview import Preview
from orchestrator.documents.runs.previews.shown_matches import Answered
from orchestrator.documents.runs.shown import Shown
from orchestrator.documents.system_test import SystemTested
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff

MAX_PEOPLE_FOUND = 20


class PersonMatch(Shown):
    """One person of HR's. `hr_id` is the handle to ask further by; `leaving` and `leaving_at` are what HR says."""

    hr_id: str
    name: str
    employee_number: str
    email: str
    department: str
    title: str
    time_zone: str = Field(description="An IANA time zone; empty if HR has none")
    leaving: bool = Field(description="Whether HR has recorded that the person leaves")
    leaving_at: datetime | None = None


class PeopleAnswer(Shown):
    """In the order of HR's answer, and `more` where there are others."""

    people: tuple[PersonMatch, ...]
    more: bool = False


class Started(Shown):
    """The result of a start: the run's version after it, and the number of events that it caused. `nudged` is false if
    Temporal could not be reached; the relay nudges later. `run_id` is None if the request was only received because
    other people look at it; then only `message` is set."""

    run_id: str | None = None
    version: int = 0
    events: int = 0
    nudged: bool = True
    message: str = ""


class SignsIn(Shown):
    """`human` and `managers` are opaque ids. None and empty where HR does not know exactly one person by what was
    given."""

    human: str | None = None
    managers: tuple[str, ...] = ()
    name: str | None = None
    email: str | None = None
    time_zone: str | None = None


class SystemChecked(BaseModel):
    """`reachable` is None if only workers in the system's own network can check it. `code` and `detail` say that, or
    what is wrong. `answered_at` is the time of the last check that the system answered, None if there was none."""

    model_config = ConfigDict(frozen=True)

    system: str
    title: str
    kind: str
    reachable: bool | None
    held: bool
    code: str
    detail: str
    support: str
    runbook: str
    answered_at: datetime | None = None


class SystemsChecked(BaseModel):
    model_config = ConfigDict(frozen=True)

    packet: str
    checked_at: datetime
    systems: tuple[SystemChecked, ...]


class LedgerVerified(BaseModel):
    """`position`, `place`, `what` and `remedy` are those of the first wrong thing, where there is one."""

    model_config = ConfigDict(frozen=True)

    verified_at: datetime
    ok: bool
    events: int
    streams: int
    root: str  # hex
    position: int | None = None
    place: str = ""
    what: str = ""
    remedy: str = ""


WorkerAnswer = (
    PeopleAnswer
    | PersonFacts
    | Preview
    | Started
    | BatchChecked
    | SignsIn
    | SystemsChecked
    | SystemTested
    | AccountOwners
    | LedgerVerified
)
A = TypeVar("A", bound=WorkerAnswer, covariant=True)


class Asked(Shown, Generic[A]):
    """A question, and the type of its answer."""

    model_config = ConfigDict(extra="forbid")


class FindPeople(Asked[PeopleAnswer]):
    """The people whom HR finds by what a user has typed so far: parts of a name, an employee number, a mail address."""

    kind: Literal["find_people"] = "find_people"
    packet: str = Field(max_length=200)
    text: str = Field(max_length=200)


class PersonFactsAsked(Asked[PersonFacts]):
    """`wanted` is HR's id, an employee number or a mail address, and means exactly one person."""

    kind: Literal["person_facts"] = "person_facts"
    packet: str = Field(max_length=200)
    wanted: str = Field(max_length=320)


class RunTerms(Shown):
    """Who leaves, under which packet, when, and for whom the run exists. `wanted` is HR's id, an employee number or a
    mail address. `cutoff` is a local time as `parse_cutoff` reads it, in `zone` or else in the person's own zone as HR
    has it. `shadow` asks for a dry run. `embargo_until` and `named` are the embargo that is asked for."""

    packet: str = Field(max_length=200)
    wanted: str = Field(max_length=320)
    cutoff: str | None = Field(default=None, max_length=100)
    zone: str | None = Field(default=None, max_length=100)
    urgent: bool = False
    shadow: bool = False
    embargo_until: datetime | None = None
    named: tuple[str, ...] = ()

    def cutoff_for(self, person: PersonFacts) -> Cutoff | None:
        """None for an urgent run, and where no cutoff was given. Raises `Invalid` as `parse_cutoff` does."""
        if self.urgent or self.cutoff is None:
            return None
        return parse_cutoff(self.cutoff, self.zone or person.time_zone or None)

    def embargo(self) -> EmbargoTerms | None:
        return EmbargoTerms(self.embargo_until, self.named) if self.embargo_until is not None else None


class PreviewAsked(RunTerms, Asked[Preview]):
    """A preview of a run that `actor_id` would start. `chosen` is the person as the requester selected them, for the
    requester only: the worker asks HR again."""

    kind: Literal["preview"] = "preview"
    chosen: PersonMatch | None = None
    actor_id: str


class StartAsked(RunTerms, Asked[Started]):
    """Opens a run for the asker. `up_to` is the level of the token that the asker came with, which limits what they may
    do; None without a limit. `signed_in_recently` is for late starts, which are urgent; `sign_in_minutes` says for how
    long a sign-in counts as recent. `answers` settle what a preview asked. `reason` is personal data, and so is
    `legal_hold`, the reason of the legal hold under which the run begins."""

    kind: Literal["start"] = "start"
    up_to: Level | None = None
    signed_in_recently: bool = False
    sign_in_minutes: int = 5
    reason: str | None = None
    legal_hold: str | None = None
    answers: tuple[Answered, ...] = ()


class BatchAsked(Asked[BatchChecked]):
    """Checks every row of a list, and records the batch. Where a row is broken, nothing is recorded unless
    `skip_broken` leaves those rows out. `unreadable` are rows that the sender could not read; they count as broken.
    `check_only`: nothing is recorded in any case. `shadow` and `up_to` are as in a start."""

    kind: Literal["batch"] = "batch"
    packet: str = Field(max_length=200)
    rows: tuple[BatchRowAsked, ...]
    unreadable: tuple[BrokenRow, ...] = ()
    skip_broken: bool = False
    check_only: bool = False
    shadow: bool = False
    up_to: Level | None = None


class WhoSignsIn(Asked[SignsIn]):
    """The person behind an account, by mail address, employee number or HR's id. `packet` names whose HR system is
    asked; without it those of all packets are, the packets in use first."""

    kind: Literal["who_signs_in"] = "who_signs_in"
    packet: str | None = Field(default=None, max_length=200)
    wanted: str = Field(max_length=320)


class CheckSystems(Asked[SystemsChecked]):
    """Whether every system of a packet answers and accepts our credential. What it says is kept for the page."""

    kind: Literal["check_systems"] = "check_systems"
    packet: str = Field(max_length=200)


class SystemTestAsked(Asked[SystemTested]):
    """A test of one system of a packet. `wanted` is a person to look up: HR's id, an employee number or a mail
    address."""

    kind: Literal["test_system"] = "test_system"
    packet: str = Field(max_length=200)
    system: str = Field(max_length=200)
    wanted: str | None = Field(default=None, max_length=320)


class ListAccountOwners(Asked[AccountOwners]):
    """Which accounts of a system no person who works here owns."""

    kind: Literal["list_account_owners"] = "list_account_owners"
    packet: str = Field(max_length=200)
    system: str = Field(max_length=200)


class VerifyLedger(Asked[LedgerVerified]):
    """Reads every row again with code of its own. What it says is kept for the page."""

    kind: Literal["verify_ledger"] = "verify_ledger"


Question = Annotated[
    FindPeople
    | PersonFactsAsked
    | PreviewAsked
    | StartAsked
    | BatchAsked
    | WhoSignsIn
    | CheckSystems
    | SystemTestAsked
    | ListAccountOwners
    | VerifyLedger,
    Field(discriminator="kind"),
]
QUESTIONS: TypeAdapter[Question] = TypeAdapter(Question)
ANSWERS: dict[str, type[WorkerAnswer]] = {
    "find_people": PeopleAnswer,
    "person_facts": PersonFacts,
    "preview": Preview,
    "start": Started,
    "batch": BatchChecked,
    "who_signs_in": SignsIn,
    "check_systems": SystemsChecked,
    "test_system": SystemTested,
    "list_account_owners": AccountOwners,
    "verify_ledger": LedgerVerified,
}
"""By the question's kind."""


class Refused(Shown):
    """A refusal as an answer of the worker. `type` is the name of the class in `domain.errors`;
    `again_after` is of `TooOften`."""

    type: Literal["Refusal", "NotAllowed", "TooLate", "TooOften", "Invalid"]
    code: str
    message: str
    facts: Mapping[str, str | int] = Field(default_factory=dict)
    again_after: int | None = None


class Failed(Shown):
    """What kept a worker from answering: where, what happened, and what to do."""

    code: str
    place: str
    cause: str
    remedy: str = ""
