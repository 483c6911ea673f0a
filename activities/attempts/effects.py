"""The effect of a step, for its attempt and for its read-back."""

from __future__ import annotations

from connectors.abilities import Account, Effect
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import parameter_values
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.planning.planning import run_facts
from orchestrator.domain.run.run import RunState


def effect_of(state: RunState, step: PlannedStep, key: str, person: PersonFacts) -> Effect:
    """Raises `ExpressionFailed` where a parameter cannot be worked out."""
    details = state.accounts.details.get(step.account_id) if step.account_id else None
    account = None
    if details is not None:
        account = Account(
            native_id=details["native_id"],
            label=details["label"],
            attributes=details["attributes"],
            active=details["active"],
            privileged=details["privileged"],
        )
    return Effect(
        ability=step.ability,
        effect_key=key,
        account=account,
        parameters=parameter_values(step.parameters, person=person, run=run_facts(state)),
        deadline=step.deadline,
        taken=tuple((state.asked.taken or {}).get(step.step_id, ())),
    )
