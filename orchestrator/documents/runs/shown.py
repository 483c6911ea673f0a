"""The base of what is shown of a person."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Shown(BaseModel):
    """Part of an answer about a person."""

    # Lengths of time are seconds, as in every document.
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, ser_json_timedelta="float")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    __str__ = __repr__
