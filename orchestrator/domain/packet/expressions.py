"""Conditions and computed parameters of a packet, in the Common Expression Language (https://cel.dev).

Every name an expression may use is declared here with its type, so that `person.departmnet` and comparing a text to
a number are refused when the packet is loaded. What can still go wrong later (an unknown value, a division by zero)
raises `ExpressionFailed`, and the caller takes the stricter way: the gate is needed, an exception is opened.

An expression sees only what it was compiled for. It has no clock, no network and no loops beyond CEL's own budget.
Do not import this module in workflow code: the library behind it is native code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal, TypedDict, Unpack

from cel_expr_python import cel
from pydantic import BaseModel, ConfigDict, JsonValue

from orchestrator.domain.errors import Invalid
from orchestrator.domain.organisation.person import PERSON_FIELDS, PersonFacts
from orchestrator.domain.packet.formulas import formula_source
from orchestrator.domain.planning.matching import FoundAccount

Variable = Literal["person", "account", "run", "step"]
MAX_EXPRESSION_CHARACTERS: Final = 2_000  # characters; a condition longer than this is a program


class RunFacts(BaseModel):
    """What an expression may know of a run. `cutoff` is an instant, `zone` the IANA name it was given in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    workflow: str
    cutoff: datetime
    zone: str
    urgent: bool = False


class StepFacts(BaseModel):
    """What an expression may know of a step; `privileged` says whether the account it acts on is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    system: str = ""
    ability: str = ""
    level: str
    reversible: str = "no"
    cuts_access: bool = False
    privileged: bool = False


class ExpressionInvalid(Invalid):
    """The expression cannot be understood or has the wrong type. `line` and `column` count from 1 within it."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__("expression_invalid", message)
        self.line = line
        self.column = column


class ExpressionFailed(Exception):
    """A well-typed expression gave no answer. Says which expression, never what the values were."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(reason)
        self.source = source
        self.reason = reason


class EvaluationFacts(TypedDict, total=False):
    """What an expression is evaluated over, by the name of the variable."""

    person: PersonFacts | None
    account: FoundAccount | None
    run: RunFacts | None
    step: StepFacts | None


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition: true or false, nothing else."""

    source: str
    variables: tuple[Variable, ...]
    _program: Any

    @classmethod
    def compile(cls, source: str, variables: Iterable[Variable]) -> Expression:
        """Raises `ExpressionInvalid` unless the source is a condition over these variables."""
        names = tuple(sorted(set(variables)))
        program = _compiled(source, names)
        if program.return_type() != cel.Type.BOOL:
            is_now = program.return_type().name().lower()
            raise ExpressionInvalid(f"a condition must be true or false; this one is of the type {is_now}")
        return cls(source, names, program)

    def evaluate(self, **facts: Unpack[EvaluationFacts]) -> bool:
        """Raises `ExpressionFailed` where a value that is asked for is unknown or the evaluation breaks off."""
        answer = _evaluated(self.source, self._program, facts)
        # A failed evaluation is a value too, of the type ERROR and with a text that Python takes for true.
        if answer.type() != cel.Type.BOOL:
            raise ExpressionFailed(self.source, "is not true or false: a value that it uses is missing")
        return bool(answer.value())


@dataclass(frozen=True, slots=True)
class Formula:
    """A value to be worked out: text, number, true or false, a moment, or lists and maps of these."""

    source: str
    variables: tuple[Variable, ...]
    _program: Any

    @classmethod
    def compile(cls, source: str, variables: Iterable[Variable]) -> Formula:
        """Raises `ExpressionInvalid` where the source is wrong or its type cannot be written as JSON."""
        names = tuple(sorted(set(variables)))
        program = _compiled(source, names)
        kind = program.return_type().name()
        if re.search(r"\b(TYPE|BYTES|DURATION|NULL)\b", kind):
            raise ExpressionInvalid(f"a parameter cannot be of the type {kind.lower()}; use text, a number or a list")
        return cls(source, names, program)

    def evaluate(self, **facts: Unpack[EvaluationFacts]) -> JsonValue:
        """Raises `ExpressionFailed`. A moment comes out as ISO 8601 text with its offset."""
        answer = _evaluated(self.source, self._program, facts)
        if answer.type() == cel.Type.ERROR or answer.type() == cel.Type.UNKNOWN:
            raise ExpressionFailed(self.source, "has no value: a value that it uses is missing")
        return _as_json(self.source, answer.plain_value())


def parameter_values(
    parameters: Mapping[str, JsonValue], *, person: PersonFacts | None = None, run: RunFacts | None = None
) -> dict[str, JsonValue]:
    """A step's parameters with their expressions worked out, also within lists and maps. Raises `ExpressionFailed`;
    a step whose parameters cannot be worked out must not be carried out."""

    def worked_out(value: JsonValue) -> JsonValue:
        if isinstance(value, dict):
            return {name: worked_out(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [worked_out(inner) for inner in value]
        source = formula_source(value)
        if source is None:
            return value
        return Formula.compile(source, PARAMETER_VARIABLES).evaluate(person=person, run=run)

    return {name: worked_out(value) for name, value in parameters.items()}


PILOT_VARIABLES: Final[tuple[Variable, ...]] = ("person",)
WHEN_VARIABLES: Final[tuple[Variable, ...]] = ("account", "person", "run")
GATE_VARIABLES: Final[tuple[Variable, ...]] = ("person", "run", "step")
PARAMETER_VARIABLES: Final[tuple[Variable, ...]] = ("person", "run")


@lru_cache(maxsize=1)
def _declared() -> dict[Variable, dict[str, Any]]:
    text, truth = cel.Type.STRING, cel.Type.BOOL
    lists = {"former_emails", "former_names"}
    person = {name: cel.Type.List(text) if name in lists else text for name in sorted(PERSON_FIELDS)}
    return {
        "person": person,
        "account": {
            "system": text,
            "label": text,
            "active": truth,
            "privileged": truth,
            "attributes": cel.Type.Map(text, text),
        },
        "run": {"run_id": text, "workflow": text, "cutoff": cel.Type.TIMESTAMP, "zone": text, "urgent": truth},
        "step": {
            "name": text,
            "system": text,
            "ability": text,
            "level": text,
            "reversible": text,
            "cuts_access": truth,
            "privileged": truth,
        },
    }


@lru_cache(maxsize=16)
def _environment(variables: tuple[Variable, ...]) -> Any:
    # Each field is a variable of its own with a dotted name: so a field that does not exist is refused at compile
    # time, which a map would not do.
    fields = ((name, field, kind) for name in variables for field, kind in _declared()[name].items())
    return cel.NewEnv(variables={f"{name}.{field}": kind for name, field, kind in fields})


@lru_cache(maxsize=2_048)
def _compiled(source: str, variables: tuple[Variable, ...]) -> Any:
    if not source.strip():
        raise ExpressionInvalid("the expression is empty")
    if len(source) > MAX_EXPRESSION_CHARACTERS:
        raise ExpressionInvalid(f"the expression is longer than {MAX_EXPRESSION_CHARACTERS} characters")
    try:
        return _environment(variables).compile(source)
    except RuntimeError as refused:
        raise _refusal(str(refused), variables) from None


def _refusal(error_text: str, variables: Sequence[Variable]) -> ExpressionInvalid:
    found = re.search(r"<input>:(\d+):(\d+): ([^\n]*)", error_text)
    line, column, reason = (int(found[1]), int(found[2]), found[3]) if found else (1, 1, error_text.splitlines()[0])
    reason = re.sub(r"^Syntax error: ", "", reason).removesuffix(" (in container '')")
    if unknown := re.match(r"undeclared reference to '(person|account|run|step)(?:\.(\w+))?'", reason):
        name, field = unknown[1], unknown[2]
        fields = ", ".join(sorted(_declared()[_variable(name)]))
        if name not in variables:
            reason = f"{name!r} is not available here; available: {', '.join(variables)}"
        elif field:
            reason = f"{name!r} has no field {field!r}; its fields: {fields}"
        else:
            reason = f"use one of the fields of {name!r}: {fields}"
    return ExpressionInvalid(reason[:500], line=line, column=column)


def _variable(name: str) -> Variable:
    return next(known for known in _declared() if known == name)


def _evaluated(source: str, program: Any, facts: EvaluationFacts) -> Any:
    values: dict[str, Any] = {}
    for name, known in facts.items():
        if known is None:
            continue
        for field in _declared()[_variable(name)]:
            value = getattr(known, field)
            if name == "person" and value is None:
                value = ""
            if value is not None:  # an unknown value stays undeclared, so that asking for it fails
                values[f"{name}.{field}"] = list(value) if isinstance(value, tuple) else value
    try:
        return program.eval(data=values)
    except Exception as broken:
        # The library's text can quote values, which may be personal: it is dropped, also from the chain.
        raise ExpressionFailed(source, f"failed ({type(broken).__name__})") from None


def _as_json(source: str, value: Any) -> JsonValue:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_as_json(source, inner) for inner in value]
    if isinstance(value, dict):
        return {str(name): _as_json(source, inner) for name, inner in value.items()}
    raise ExpressionFailed(source, "has a value that cannot be written as JSON")
