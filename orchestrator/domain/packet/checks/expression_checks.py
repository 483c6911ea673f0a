"""Checks the types of a packet's expressions when it is loaded. Errors name file, line and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from orchestrator.domain.packet.expressions import (
    GATE_VARIABLES,
    PARAMETER_VARIABLES,
    PILOT_VARIABLES,
    WHEN_VARIABLES,
    Expression,
    ExpressionInvalid,
    Formula,
    Variable,
)
from orchestrator.domain.packet.formulas import Path, formulas_in
from orchestrator.domain.packet.packet import APPROVALS_FILE, WORKFLOW_FILE, Approvals, Workflow
from orchestrator.domain.packet.packet_yaml import PacketProblem, YamlDocument


def expression_problems(
    workflow: Workflow | None, approvals: Approvals | None, documents: Mapping[str, YamlDocument]
) -> list[PacketProblem]:
    """Compiles every expression of the files that could be read. The list is empty where all are well typed."""
    found = []
    for file, path, kind, source, variables in _expressions(workflow, approvals):
        try:
            kind.compile(source, variables)
        except ExpressionInvalid as refused:
            document = documents.get(file) or YamlDocument(file, None, {}, [])
            known = ", ".join(variables)
            found.append(
                document.problem(
                    path,
                    f"the expression is wrong at column {refused.column}: {refused.message}",
                    f"correct it; available: {known}",
                    lines_on=refused.line - 1,
                )
            )
    return found


_PlacedExpression = tuple[str, Path, type[Expression] | type[Formula], str, Sequence[Variable]]


def _expressions(workflow: Workflow | None, approvals: Approvals | None) -> Iterator[_PlacedExpression]:
    if workflow is not None:
        if workflow.pilot is not None:
            yield WORKFLOW_FILE, ("pilot",), Expression, workflow.pilot, PILOT_VARIABLES
        for index, step in enumerate(workflow.steps):
            if step.when is not None:
                # A task belongs to no account, so its condition cannot ask for one.
                variables = WHEN_VARIABLES if step.task is None else ("person", "run")
                yield WORKFLOW_FILE, ("steps", index, "when"), Expression, step.when, variables
            for path, source in formulas_in(step.parameters, ("steps", index, "parameters")):
                yield WORKFLOW_FILE, path, Formula, source, PARAMETER_VARIABLES
    if approvals is not None:
        for name, gate in approvals.gates.items():
            if gate.needed_when is not None:
                yield APPROVALS_FILE, ("gates", name, "needed_when"), Expression, gate.needed_when, GATE_VARIABLES
        held = approvals.legal_hold
        if held is not None and held.when is not None:
            yield APPROVALS_FILE, ("legal_hold", "when"), Expression, held.when, PILOT_VARIABLES
