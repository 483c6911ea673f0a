"""What the company's systems say was done, compared with what the runs ask for.

    lost      an effect of a plan that the log of its system does not show
    repeated  an effect that the log of its system shows more than once: the sum of (count - 1)

Effects that no run has planned, and effects before their intent, fail the trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.protocols.smtp import message_id
from orchestrator.domain.planning.plan import effect_key
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.directory import user_dn
from tests.faults.batch import Counts, TrialBatch
from tests.integration.faults.test_kills import NEVER_TWICE, counted_once

SENDER = "offboard@example.org"


def effects(company: Company) -> dict[str, tuple[str, str]]:
    """Step -> (system, how the company calls its effect)."""
    return counted_once(company) | NEVER_TWICE


@dataclass
class Journal:
    """The systems' own logs since the test began, by the name of the step that does such."""

    entries: dict[str, list[dict[str, Any]]]

    @staticmethod
    async def read(company: Company) -> Journal:
        logs = {system: await company.effects(system) for system in {system for system, _ in effects(company).values()}}
        return Journal(
            {
                name: [entry for entry in logs[system] if action in entry["action"]]
                for name, (system, action) in effects(company).items()
            }
        )

    @property
    def total(self) -> int:
        return sum(map(len, self.entries.values()))

    def count(self, state: RunState, step_id: str) -> int:
        """How often the effect of a step was done, under the keys of all its generations."""
        return len(self._of(state, step_id))

    def _of(self, state: RunState, step_id: str) -> list[dict[str, Any]]:
        step = state.plan.steps[step_id]
        keys = {effect_key(state.run_id, step_id, n + 1) for n in range(state.work.steps[step_id].generation)}
        keys |= {message_id(key, SENDER) for key in keys}
        account = state.accounts.details[step.account_id] if step.account_id else None
        # The directory's own log names entries.
        targets = {account["native_id"], user_dn(account["label"])} if account is not None else set()
        return [
            entry
            for entry in self.entries[step.name]
            if (entry["key"] in keys if step.name in NEVER_TWICE else entry["target"] in targets)
        ]

    def before_its_intent(self, state: RunState, step_id: str) -> bool:
        """Whether an effect was done before the ledger had the step's first attempt. A later generation can find what
        an earlier one did."""
        known = state.work.steps[step_id]
        if known.generation > 1:
            return False
        done = [_latest(datetime.fromisoformat(entry["at"])) for entry in self._of(state, step_id)]
        return bool(done) and (known.first_started_at is None or min(done) < known.first_started_at)


def _latest(at: datetime) -> datetime:
    """The directory's log has whole seconds."""
    return at if at.microsecond else at + timedelta(seconds=1)


def open_intents(state: RunState) -> int:
    """Steps whose last attempt has no result."""
    return sum(known.attempt > 0 and not known.final for known in state.work.steps.values())


async def count(batch: TrialBatch, company: Company, ended: Sequence[RunState], *, intents_first: bool = True) -> None:
    """Adds the runs to the table, and fails if an effect was lost, repeated, or was planned by none of the runs. With
    `intents_first` it also fails if an effect is older than its intent: not for a trial that replaces the ledger by
    an older one, or sets the clock of the ledger ahead of the systems' clocks."""
    journal = await Journal.read(company)
    counts = [
        (state.run_id, step.name, journal.count(state, id_))
        for state in ended
        for id_, step in state.plan.steps.items()
        if not step.is_task
    ]
    wrong = [f"{run} {name}, {times} times" for run, name, times in counts if times != 1]
    batch.count(
        Counts(
            runs=len(ended),
            effects=len(counts),
            lost=sum(times == 0 for _, _, times in counts),
            repeated=sum(max(times - 1, 0) for _, _, times in counts),
            open_intents=sum(map(open_intents, ended)),
        ),
        where=wrong,
    )
    early = [
        f"{state.run_id} {step.name}"
        for state in ended
        for id_, step in state.plan.steps.items()
        if intents_first and journal.before_its_intent(state, id_)
    ]
    assert not early, f"seed {batch.seed}: effects without an intent before them: {early[:10]}"
    planned = sum(times for _, _, times in counts)
    assert journal.total == planned, f"seed {batch.seed}: {journal.total - planned} effects that no run has planned"
