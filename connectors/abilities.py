"""The interface of connectors: abilities, requests and results.

This module uses the standard library only, and no connector imports the rest of Offboard. A connector tries once and
reports what happened; its caller retries, asks for approval and keeps the record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol

Level = Literal["read", "prepare", "stage", "change"]
"""`read` changes nothing; `prepare` writes only inside Offboard; `stage` leaves something inert or scheduled in the
system; `change` takes effect there."""

SystemClass = Literal[
    "hr",
    "directory",
    "identity_provider",
    "code_host",
    "chat",
    "mail",
    "documents",
    "cloud",
    "database",
    "finance",
    "sales",
    "support",
    "password_manager",
    "devices",
    "network",
    "building",
]
"""What a system is to the company, so that a packet can name a step for every system of a class. The same list as
`orchestrator.domain.packet.ability`."""

Held = Literal["sessions", "refresh_tokens", "access_tokens", "kerberos_tickets", "application_sessions"]
"""What a person who has signed in holds. `application_sessions` are those that an application keeps for itself after it
sent the person to this system to sign in."""


@dataclass(frozen=True, slots=True)
class Ability:
    """One thing a connector can do to one account (or, where `needs_account` is false, for one person).

    `repeat` says what a second attempt with the same effect key does: `freely` lands in the same state, `keyed` is
    recognised by the system for `keyed_for`, `never` may do the effect a second time.
    `reversible` is `no`, `yes`, or `limited` to `reversible_for`.
    `settles_within` is how long the system may show the old state after it accepted a change.
    `cuts_access` marks what an urgent run may do before its gates.
    `ends_account`: the account can't be used afterwards, but an urgent run does not do it before its gates. In a packet
    without a step that cuts access on the system, it is what removes the access there.
    `destroys`: after it, something is gone that another person could still need, so a hand-over comes first.
    `hands_over`: it gives what the person has to another person.
    `destroys_nothing_because`: why an ability of the level `change` that cannot be undone is neither of the two.
    `tokens_last`, of an ability that removes access: for how long after it access tokens or tickets that were issued
    before are accepted, at most, by the system's defaults. Zero: they are refused at once, or none exist. None: not
    known, which is never counted as zero.
    `ends` and `cannot_end`: what it ends besides, and what the system offers no way to end. A reply names both.
    `regained_by_sign_in`: it takes sessions or tokens only, and the person gets others by signing in, so that there is
    nothing to restore.
    `takes_nothing`: it takes nothing from the person, such as a message, so that there is nothing to restore.
    `undone_by`: the ability of the same connector that restores what this one took. `taken_as` is the key under which
    a reply names the things that it took, each with its `id`; empty where there is one state only, such as disabled.
    `recorded_as` is the key under which the snapshot of the system names such things.
    `gives_access`: it restores what a run took. Restores use it, and no packet can. Of an account that was not active
    before the run, only things that are named are restored.
    """

    name: str
    level: Level
    summary: str
    repeat: Literal["freely", "keyed", "never"] = "freely"
    keyed_for: timedelta | None = None
    read_back: bool = True
    reversible: Literal["no", "yes", "limited"] = "no"
    reversible_for: timedelta | None = None
    cuts_access: bool = False
    ends_account: bool = False
    needs_account: bool = True
    settles_within: timedelta = timedelta(0)
    destroys: bool = False
    hands_over: bool = False
    destroys_nothing_because: str = ""
    tokens_last: timedelta | None = None
    ends: tuple[Held, ...] = ()
    cannot_end: tuple[Held, ...] = ()
    regained_by_sign_in: bool = False
    takes_nothing: bool = False
    undone_by: str = ""
    taken_as: str = ""
    recorded_as: str = ""
    gives_access: bool = False


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question to a system: which accounts have exactly this value in this attribute (the system's own name)?"""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account as a system described it. `native_id` is the system's immutable id for it, never a user name that
    can be given to another person. `attributes` are strings under the system's own attribute names, at least those
    that were asked for. `secondary` names those whose value is one of several of the account, and not its main one:
    the alias of an account can be the former address of another person."""

    native_id: str
    label: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    active: bool | None = None
    privileged: bool = False
    secondary: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Effect:
    """What to do: to which account, with which parameters, under which key.

    `effect_key` never names another effect; it is passed on wherever the system supports idempotency.
    `deadline` is the total time in seconds that one attempt (or one read-back) may take, name lookup included.
    `replied` is for a read-back just after an attempt: the detail of its reply, such as what it removed from a list.
    Otherwise it is empty, such as for a read-back after a restart.
    `taken`, for an ability that restores: the things that the run took and that are restored, each with its `id`
    and what else the reply to the removal or the snapshot says of it."""

    ability: str
    effect_key: str
    account: Account | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    deadline: float = 30.0
    replied: Mapping[str, Any] = field(default_factory=dict)
    taken: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """The system's response to an attempt. `detail` is evidence for a reviewer, JSON values only. Where the ability
    declares `ends` or `cannot_end`, the boundary adds them as `ended` and `not_possible` (`connectors.boundary`)."""

    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What the system shows now: `done`, `not_done` or `unknown`, and the evidence for it (JSON values only)."""

    outcome: Literal["done", "not_done", "unknown"]
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whether the system answered and accepted our credential; `detail` is for operators and holds no secret. `code`
    is that of the error where it did not. `lacking` are the abilities, or sentences about them, for which the
    credential lacks permissions, as far as the check can tell. `warning` says what will end the credential soon, such
    as the end of its certificate; `detail` has it too."""

    reachable: bool
    detail: str
    code: str = ""
    lacking: tuple[str, ...] = ()
    warning: str = ""


Pace = Callable[[], Awaitable[None]]
"""Awaited before each request to a system, so that all workers together keep to the system's rate. It returns when the
request may be sent, or raises `connectors.errors.TryAgainError` with `happened="no"`. The time counts under the
deadline of the call."""


async def unpaced() -> None:
    """The pace of a system without a rate."""


class Connector(Protocol):
    """One kind of system. Every method raises `connectors.errors.ConnectorError` and nothing else, and ends within
    its deadline. `pace` is awaited before every request that a method sends."""

    @property
    def kind(self) -> str: ...

    @property
    def abilities(self) -> Mapping[str, Ability]:
        """By name; without `find_accounts`, which every connector has."""
        ...

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        """Every account that answers at least one lookup, each once. Never a prefix or substring match; a system
        that compares case-insensitively may return more than the exact value, and the caller compares again."""
        ...

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        """Try once."""
        ...

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        """Whether the system now shows the effect. Changes nothing."""
        ...

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        """Whether the system answers and accepts our credential. Changes nothing, never raises."""
        ...

    async def aclose(self) -> None: ...
