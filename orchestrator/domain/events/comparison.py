"""A dry run is compared with what people do: what systems show of its steps, and how differences are judged."""

from __future__ import annotations

from typing import Any, Literal

from orchestrator.domain.events.event import Event, Personal

ComparisonRead = Literal["plan", "hour", "day", "week"]
"""When systems are read: once the plan is complete, and an hour, a day and seven days after the cutoff."""
StepShown = Literal["done", "not_done", "other_value", "may_have_ended", "unknown"]
"""`other_value`: the system has another value than the plan, such as another date. `may_have_ended`: what the step
removes is not there, and ends without a person as well, such as a session. `unknown`: the system could not say."""
AccountChange = Literal["account_gone", "account_disabled", "privilege_removed", "access_removed"]
JudgedDifference = Literal["plan_wrong", "wrong_account", "people_missed", "plan_missed", "out_of_scope"]


class StepCompared(Event):
    """What a system shows of a withheld step of a dry run. `digest` is the step's, so that a step that a later plan
    changes is compared again. `code` is why the system could not say, if `outcome` is `unknown`."""

    step_id: str
    digest: str
    read: ComparisonRead
    outcome: StepShown
    code: str = ""
    evidence: Personal[dict[str, Any]] = None


class ChangeFound(Event):
    """Something was changed on an account of the person, and the plan has no step for it. `account_id` is opaque.
    `details` is what the system shows of the account (a `FoundAccount` as JSON)."""

    change_id: str
    system: str
    account_id: str
    what: AccountChange
    read: ComparisonRead
    details: Personal[dict[str, Any]] = None


class DifferenceJudged(Event):
    """A person judged a difference; of several judgements about the same difference, the last one counts. `about` is
    the id of a step, with its `digest`, or the id of a change, without one. `human` is the opaque id of the person
    behind `by`.

    About a step: `plan_wrong`, the step should not be carried out; `wrong_account`, and its account is not the
    person's; `people_missed`, the step is right and no one carried it out. About a change: `plan_missed`, the plan
    should have a step for it; `out_of_scope`, it is not part of an offboarding."""

    about: str
    digest: str = ""
    system: str
    verdict: JudgedDifference
    by: str
    human: str | None = None
    reason: Personal[str] = None
