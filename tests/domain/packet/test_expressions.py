"""Conditions are checked when they are read, and a failing one never counts as true."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.expressions import (
    GATE_VARIABLES,
    MAX_EXPRESSION_CHARACTERS,
    WHEN_VARIABLES,
    Expression,
    ExpressionFailed,
    ExpressionInvalid,
    Formula,
    RunFacts,
    StepFacts,
    parameter_values,
)
from orchestrator.domain.packet.formulas import formula_source, formulas_in, reads_cutoff
from orchestrator.domain.planning.matching import FoundAccount

PERSON = PersonFacts(
    hr_id="hr-1", employee_number="E-1", department="Finance", former_emails=("old@f.example",), email="new@f.example"
)
RUN = RunFacts(run_id="r-1", workflow="leaver", cutoff=datetime(2026, 11, 30, 16, tzinfo=UTC), zone="Europe/Berlin")
STEP = StepFacts(name="close", system="cards", ability="close_card", level="change", reversible="no")
ACCOUNT = FoundAccount(
    system="code",
    account_id="a",
    native_id="n",
    label="zoe",
    attributes={"role": "admin"},
    active=None,
    privileged=True,
)


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ('person.department == "Finance"', True),
        ('person.department == "Finance" && run.urgent', False),
        ('"old@f.example" in person.former_emails', True),
        ('person.former_emails.exists(address, address.endsWith("@g.example"))', False),
        ('run.cutoff < timestamp("2027-01-01T00:00:00Z")', True),
        ('run.cutoff - duration("48h") > timestamp("2026-11-01T00:00:00Z")', True),
        ("account.privileged", True),
        ('account.attributes["role"] == "admin"', True),
        ('"missing" in account.attributes', False),
        ('person.manager_hr_id == ""', True),
        ('person.country == ""', True),
    ],
)
def test_conditions(source: str, answer: bool) -> None:
    assert Expression.compile(source, WHEN_VARIABLES).evaluate(person=PERSON, run=RUN, account=ACCOUNT) is answer


def test_a_gates_condition_sees_the_step() -> None:
    condition = Expression.compile('step.reversible == "no" && step.system == "cards"', GATE_VARIABLES)
    assert condition.evaluate(person=PERSON, run=RUN, step=STEP) is True


@pytest.mark.parametrize(
    ("source", "said", "line", "column"),
    [
        ('person.departmnet == "x"', "'person' has no field 'departmnet'; its fields: country, department", 1, 7),
        ("person.department == 1", "found no matching overload", 1, 19),
        ('run.urgent &&\n  person.age == "1"', "'person' has no field 'age'", 2, 9),
        ("account.privileged", "'account' is not available here; available: person, run", 1, 8),
        ("person.department", "a condition must be true or false; this one is of the type string", 1, 1),
        ("person", "use one of the fields of 'person'", 1, 1),
        ("person.department ==", "mismatched input", 1, 21),
        ("now() > run.cutoff", "undeclared reference to 'now'", 1, 4),
        ("", "empty", 1, 1),
        ("   ", "empty", 1, 1),
        ("true || " * MAX_EXPRESSION_CHARACTERS + "true", "longer than", 1, 1),
        ("(" * 400 + "true" + ")" * 400, "recursion", 1, 1),
    ],
)
def test_ill_typed_conditions_are_refused_with_their_place(source: str, said: str, line: int, column: int) -> None:
    with pytest.raises(ExpressionInvalid) as refused:
        Expression.compile(source, ["person", "run"])
    assert said in refused.value.message
    assert (refused.value.line, refused.value.column) == (line, column)


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("account.active", {"account": ACCOUNT}),  # the system did not say
        ("account.privileged", {}),  # there is no account
        ('account.attributes["missing"] == "x"', {"account": ACCOUNT}),
        ("1 / (run.urgent ? 1 : 0) == 1", {"run": RUN}),
        ("int(person.department) > 3", {"person": PERSON}),
        ('person.former_emails[7] == "x"', {"person": PERSON}),
    ],
)
def test_what_cannot_be_answered_fails_and_is_never_true(source: str, given: dict[str, Any]) -> None:
    condition = Expression.compile(source, WHEN_VARIABLES)
    with pytest.raises(ExpressionFailed) as failed:
        condition.evaluate(**given)
    assert "Finance" not in f"{failed.value} {failed.value.reason} {failed.value.__cause__}"


def test_an_endless_condition_breaks_off() -> None:
    many = PERSON.model_copy(update={"former_emails": tuple(str(number) for number in range(400))})
    condition = Expression.compile(
        "person.former_emails.all(a, person.former_emails.all(b, person.former_emails.all(c, a + b + c != 'x')))",
        ["person"],
    )
    with pytest.raises(ExpressionFailed):
        condition.evaluate(person=many)


def test_parameters_are_worked_out_where_they_say_so() -> None:
    values = parameter_values(
        {
            "at": "= run.cutoff",
            "to": ["= person.email", "archive@f.example"],
            "note": {"text": "= 'Left from ' + person.department"},
            "plain": "=person.email",
            "days": 30,
            "silent": True,
        },
        person=PERSON,
        run=RUN,
    )
    assert values == {
        "at": "2026-11-30T16:00:00+00:00",
        "to": ["new@f.example", "archive@f.example"],
        "note": {"text": "Left from Finance"},
        "plain": "=person.email",
        "days": 30,
        "silent": True,
    }


def test_a_parameter_that_cannot_be_worked_out_fails() -> None:
    with pytest.raises(ExpressionFailed):
        parameter_values({"x": "= person.former_emails[3]"}, person=PERSON, run=RUN)
    with pytest.raises(ExpressionFailed):
        parameter_values({"x": "= run.cutoff"}, person=PERSON)


@pytest.mark.parametrize("source", ["b'bytes'", "duration('1h')", "type(1)", "null"])
def test_parameters_must_be_json(source: str) -> None:
    with pytest.raises(ExpressionInvalid, match="expression_invalid"):
        Formula.compile(source, [])


def test_which_parameters_are_expressions() -> None:
    assert formula_source("= a") == "a"
    assert formula_source("=a") is None
    assert formula_source(3) is None


def test_expressions_are_found_within_lists_and_maps() -> None:
    value = {"window": {"ends": "= run.cutoff"}, "copies": ["= person.email", "literal", 3]}
    assert list(formulas_in(value, ("parameters",))) == [
        (("parameters", "window", "ends"), "run.cutoff"),
        (("parameters", "copies", 0), "person.email"),
    ]


@pytest.mark.parametrize(
    ("value", "depends"),
    [
        ({"until": "= run.cutoff"}, True),
        ({"window": {"ends": "= run.cutoff"}}, True),
        ({"dates": [{"end": "= string(run . cutoff)"}]}, True),
        ({"zone": "= run.zone"}, True),
        ({"until": "=run.cutoff"}, False),
        ({"text": "run.cutoff"}, False),
        ({"text": "= person.email"}, False),
    ],
)
def test_a_parameter_depends_on_the_cutoff_where_an_expression_reads_it(value: dict[str, Any], depends: bool) -> None:
    assert reads_cutoff(value) is depends
