"""Every event is in one of the lists of its package, and every event of a run has a fold."""

from __future__ import annotations

import importlib
import pkgutil

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.run import run
from orchestrator.domain.run.accounts import fold_accounts
from orchestrator.domain.run.comparison.comparison import fold_comparison
from orchestrator.domain.run.decisions import fold_decisions
from orchestrator.domain.run.legal_holds import fold_legal_holds
from orchestrator.domain.run.plan import fold_plan
from orchestrator.domain.run.watch.watch import fold_watch
from orchestrator.domain.run.work import fold_work

FOLDS = (
    run._fold_run, fold_legal_holds, fold_accounts, fold_plan, fold_decisions, fold_work, fold_watch, fold_comparison,
)  # fmt: skip


def test_every_event_is_listed() -> None:
    """An event that no list has cannot be read back from the ledger."""
    for module in pkgutil.iter_modules(e.__path__, f"{e.__name__}."):
        importlib.import_module(module.name)
    defined = {kind for kind in Event.__subclasses__() if kind.__module__.startswith(f"{e.__name__}.")}
    assert defined == {*e.RUN_EVENTS, *e.ORGANISATION_EVENTS}


def test_every_event_of_a_run_has_a_fold() -> None:
    """An event without one would be recorded, and change nothing."""
    folded = {kind for fold in FOLDS for kind in fold.registry} - {object, Event}
    assert set(e.RUN_EVENTS) == folded
