"""The condition for who leaves, in the Common Expression Language (https://cel.dev), as in packets.

`row.NAME` is the value of the mapped column NAME as text. A name that is not mapped is refused when the packet is
checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from cel_expr_python import cel

MAX_CHARACTERS = 2_000


class ConditionError(ValueError):
    """The condition cannot be understood. The text names the cause, and no value of a row."""


@dataclass(frozen=True, slots=True)
class Condition:
    columns: frozenset[str]
    _program: Any

    @classmethod
    def compile(cls, source: str, columns: Collection[str]) -> Condition:
        """Raises `ConditionError` unless `source` is true or false for values of these columns."""
        if len(source) > MAX_CHARACTERS:
            raise ConditionError(f"the condition is longer than {MAX_CHARACTERS} characters")
        names = frozenset(columns)
        environment = cel.NewEnv(variables={f"row.{name}": cel.Type.STRING for name in names})
        try:
            program = environment.compile(source)
        except RuntimeError as refused:
            raise ConditionError(_reason(str(refused), names)) from None
        if program.return_type() != cel.Type.BOOL:
            raise ConditionError("the condition must be true or false")
        return cls(names, program)

    def holds(self, values: Mapping[str, str]) -> bool:
        """Raises `ConditionError` where the evaluation fails for this row."""
        data = {f"row.{name}": values.get(name, "") for name in self.columns}
        try:
            answer = self._program.eval(data=data)
        except Exception:  # the library's text can quote values
            raise ConditionError("the condition could not be evaluated") from None
        if answer.type() != cel.Type.BOOL:
            raise ConditionError("the condition could not be evaluated")
        return bool(answer.value())


def _reason(text: str, columns: Collection[str]) -> str:
    found = re.search(r"<input>:(\d+):(\d+): ([^\n]*)", text)
    reason = (found[3] if found else text.splitlines()[0]).removesuffix(" (in container '')")
    unknown = re.match(r"undeclared reference to 'row(?:\.(\w+))?'", reason)
    if unknown:
        named = f"'row.{unknown[1]}'" if unknown[1] else "'row'"
        return f"{named} is not a mapped column; mapped are: {', '.join(sorted(columns))}"
    return f"the condition is not valid CEL: {reason}"[:500]
