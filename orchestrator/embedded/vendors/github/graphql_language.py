"""Reads queries of GraphQL (https://spec.graphql.org/October2021/), as far as clients of GitHub write them: one query,
fields with aliases, arguments and selections. Fragments and directives are not read. What GitHub's schema does not have
is a fault, in a query and in an answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r'[\s,]*(?:(\$?\w+)|([{}()\[\]:!=])|"((?:[^"\\]|\\.)*)")')


@dataclass(frozen=True)
class SelectedField:
    """One field of a selection; `arguments` may refer to variables as `$name`."""

    name: str
    arguments: Mapping[str, Any]
    selection: Mapping[str, SelectedField] | None


@dataclass(frozen=True)
class Query:
    variables: Mapping[str, str]
    selection: Mapping[str, SelectedField]


class QueryFault(ValueError):
    """The query cannot be read, or asks for what the schema does not have."""


class _QueryReader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, bool]] = []
        place = 0
        while text[place:].strip(" \n\t,"):
            found = _TOKEN.match(text, place)
            if found is None:
                raise QueryFault(f"unreadable at {text[place : place + 20]!r}")
            self._tokens.append((found[3], True) if found[3] is not None else (found[1] or found[2], False))
            place = found.end()

    def peek(self) -> str:
        return self._tokens[0][0] if self._tokens else ""

    def take(self, wanted: str = "") -> str:
        if not self._tokens or (wanted and self.peek() != wanted):
            raise QueryFault(f"{wanted or 'more'} is expected, and there is {self.peek()!r}")
        return self._tokens.pop(0)[0]

    def query(self) -> Query:
        self.take("query")
        if self.peek() not in ("(", "{"):
            self.take()
        variables = {}
        if self.peek() == "(":
            self.take()
            while self.peek() != ")":
                name = self.take().removeprefix("$")
                self.take(":")
                variables[name] = self._type()
            self.take()
        return Query(variables, self._selection())

    def _type(self) -> str:
        if self.peek() == "[":
            self.take()
            written = f"[{self._type()}]"
            self.take("]")
        else:
            written = self.take()
        if self.peek() == "!":
            written += self.take()
        return written

    def _selection(self) -> Mapping[str, SelectedField]:
        self.take("{")
        found = {}
        while self.peek() != "}":
            key = name = self.take()
            if self.peek() == ":":
                self.take()
                name = self.take()
            arguments: dict[str, Any] = {}
            if self.peek() == "(":
                self.take()
                while self.peek() != ")":
                    argument = self.take()
                    self.take(":")
                    arguments[argument] = self._value()
                self.take()
            found[key] = SelectedField(name, arguments, self._selection() if self.peek() == "{" else None)
        self.take("}")
        return found

    def _value(self) -> Any:
        if self.peek() == "[":
            self.take()
            values = []
            while self.peek() != "]":
                values.append(self._value())
            self.take()
            return values
        text, quoted = self._tokens.pop(0)
        if quoted:
            return text
        if text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text]
        return int(text) if text.isdecimal() else text


def read_query(text: str) -> Query:
    """Raises `QueryFault`."""
    return _QueryReader(text).query()


@dataclass
class Schema:
    """GitHub's own schema, cut to the fields of `types`: with the types of fields and arguments, as GraphQL writes
    them."""

    types: Mapping[str, Mapping[str, Mapping[str, Any]]]
    enums: Mapping[str, list[str]]
    source: str = ""
    licence: str = ""
    faults: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Schema:
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def check(self, query: Query, given: Mapping[str, Any]) -> None:
        """Raises `QueryFault` for a query that the schema does not permit with these variables."""
        for name in given.keys() - query.variables.keys():
            raise QueryFault(f"the variable {name} is not declared")
        for name, kind in query.variables.items():
            if kind.endswith("!") and given.get(name) is None:
                raise QueryFault(f"the variable {name} is missing")
        for fault in self._faults_of("Query", query.selection, query.variables):
            raise QueryFault(fault)

    def _faults_of(
        self, kind: str, selection: Mapping[str, SelectedField], variables: Mapping[str, str]
    ) -> Iterator[str]:
        for one in selection.values():
            known = self.types[kind].get(one.name)
            if known is None:
                yield f"{kind} has no field {one.name}"
                continue
            arguments: Mapping[str, str] = known.get("args", {})
            for name, value in one.arguments.items():
                if name not in arguments:
                    yield f"{kind}.{one.name} has no argument {name}"
                elif fault := self._unfit(arguments[name], value, variables):
                    yield f"{kind}.{one.name}({name}): {fault}"
            for name, wanted in arguments.items():
                if wanted.endswith("!") and name not in one.arguments:
                    yield f"{kind}.{one.name} needs the argument {name}"
            inner = named_type(known["type"])
            if (inner in self.types) != (one.selection is not None):
                yield f"{kind}.{one.name} {'needs' if inner in self.types else 'has no'} fields"
            elif one.selection is not None:
                yield from self._faults_of(inner, one.selection, variables)

    def _unfit(self, wanted: str, value: Any, variables: Mapping[str, str]) -> str:
        if isinstance(value, list):
            inner = wanted.removesuffix("!")[1:-1]
            return next((fault for one in value if (fault := self._unfit(inner, one, variables))), "")
        if isinstance(value, str) and value.startswith("$"):
            declared = variables.get(value[1:], "")
            return (
                "" if declared.removesuffix("!") == wanted.removesuffix("!") else f"{value} is {declared or 'unknown'}"
            )
        base = named_type(wanted)
        if base in self.enums:
            return "" if value in self.enums[base] else f"{value} is not one of {base}"
        types = {"Int": int, "Boolean": bool, "String": str}
        return "" if isinstance(value, types.get(base, object)) else f"{value!r} is no {base}"

    def carry_out(self, query: Query, given: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
        """The data of the answer. A value of `root` and below may be a function that takes the arguments. Faults of
        the answer are added to `faults`."""
        return self._object("Query", query.selection, given, root)

    def _object(self, kind: str, selection: Mapping[str, SelectedField], given: Mapping[str, Any], value: Any) -> Any:
        found = {}
        for key, one in selection.items():
            written = self.types[kind][one.name]["type"]
            shown = value[one.name]
            if isinstance(shown, Callable):  # type: ignore[arg-type]
                shown = shown(**{name: _meant(argument, given) for name, argument in one.arguments.items()})
            found[key] = self._shown(f"{kind}.{one.name}", written, one.selection, given, shown)
        return found

    def _shown(
        self,
        place: str,
        written: str,
        selection: Mapping[str, SelectedField] | None,
        given: Mapping[str, Any],
        value: Any,
    ) -> Any:
        if value is None:
            if written.endswith("!"):
                self.faults.append(f"answer: {place} is null, and may not be")
            return None
        written = written.removesuffix("!")
        if written.startswith("["):
            return [self._shown(place, written[1:-1], selection, given, one) for one in value]
        if selection is not None:
            return self._object(written, selection, given, value)
        if written in self.enums and value not in self.enums[written]:
            self.faults.append(f"answer: {place} is {value!r}, which is not one of {written}")
        return value


def named_type(written: str) -> str:
    return written.strip("[]!")


def _meant(argument: Any, given: Mapping[str, Any]) -> Any:
    if isinstance(argument, list):
        return [_meant(one, given) for one in argument]
    if isinstance(argument, str) and argument.startswith("$"):
        return given.get(argument[1:])
    return argument
