"""The keys of events: a stream accepts each key only once, so that no fact is recorded twice."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event


def event_key(event: Event, version: int) -> str:
    """`version` is the one the event would get: it names what may happen any number of times."""
    match event:
        case e.RunRequested():
            return "requested"
        case e.PlanFrozen(revision=revision):
            return f"plan:{revision}"
        case e.GateOpened(gate_id=gate):
            return f"gate-opened:{gate}"
        case e.GateVoted(gate_id=gate, human=human):
            return f"voted:{gate}:{human}"
        case e.VoteRefused(gate_id=gate, by=account, refusal=code):
            return f"vote-refused:{gate}:{account}:{code}"
        case e.GateDecided(gate_id=gate):
            return f"gate-decided:{gate}"
        case e.StepStarted(step_id=step, generation=generation, attempt=attempt):
            return f"started:{step}:{generation}:{attempt}"
        case e.StepVerified(step_id=step, generation=generation) | e.StepAttested(step_id=step, generation=generation):
            return f"final:{step}:{generation}"
        case e.StepSkipped(step_id=step):
            # Of its own, since a late result may still show that it was done after all.
            return f"skipped:{step}:{version}"
        case e.StepAttemptFailed(step_id=step, generation=generation, attempt=attempt):
            return f"attempt-failed:{step}:{generation}:{attempt}"
        case e.TaskOpened(task_id=task):
            return f"task-opened:{task}"
        case e.TaskCompleted(task_id=task):
            return f"task-completed:{task}"
        case e.ExceptionOpened(exception_id=exception):
            return f"exception-opened:{exception}"
        case e.ExceptionClosed(exception_id=exception):
            return f"exception-closed:{exception}"
        case e.LegalHoldPlaced(hold_id=hold):
            return f"legal-hold-placed:{hold}"
        case e.LegalHoldLifted(hold_id=hold):
            return f"legal-hold-lifted:{hold}"
        case e.RunEnded(reopened=reopened) | e.RunClosed(reopened=reopened):
            return f"finished:{reopened}" if reopened else "finished"
        case e.RunOpened(run_id=run):
            return f"run:{run}"
        case e.DecisionsDelegated(delegation_id=delegation):
            return f"delegated:{delegation}"
        case e.TokenMade(token_id=token):
            return f"token-made:{token}"
        case e.TokenRevoked(token_id=token):
            return f"token-revoked:{token}"
        case e.BatchListed(batch_id=batch):
            return f"batch-listed:{batch}"
        case e.BatchOver(batch_id=batch):
            return f"batch-over:{batch}"
        case e.BatchProposed():
            return "proposed"
        case e.BatchRowProposed(row=row):
            return f"row-proposed:{row}"
        case e.BatchRowStarted(row=row) | e.BatchRowRefused(row=row):
            return f"row-done:{row}"
        case e.DelegationEnded(delegation_id=delegation):
            return f"delegation-ended:{delegation}"
        case _:
            return f"{event.type_name()}:{version}"
