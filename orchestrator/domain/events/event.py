"""The base class of events, and drafts of events.

An event is a frozen fact in the past tense. Fields marked `PERSONAL` say something about a person: the ledger
encrypts them under the key of the event's subject before anything is hashed, and gives `None` back once that key has
been destroyed. So a personal field is always optional, and no decision may hang on its being there.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field


class _PersonalMark:
    """Marks a field for encryption under the subject's key."""


PERSONAL = _PersonalMark()

T = TypeVar("T")
Personal = Annotated[T | None, PERSONAL]


def added_later(default: Any = None) -> Any:
    """The default of a field that events of earlier versions do not have. An event with the default is encoded without
    the field, to the bytes that those versions stored."""
    return Field(default=default, exclude_if=lambda value: value == default)


class Event(BaseModel):
    """One entry of a stream. `schema_version` grows when a field changes its meaning; old ones are upcast where
    events are decoded, and nowhere else."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: ClassVar[int] = 1

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__

    @classmethod
    @cache
    def personal_fields(cls) -> frozenset[str]:
        return frozenset(name for name, field in cls.model_fields.items() if PERSONAL in field.metadata)


class Draft(BaseModel):
    """An event to append. `key` is unique in its stream: the same fact is never written twice.
    `subject` is the person whose key its personal fields are encrypted under."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    key: str
    event: Event
    subject: str | None = None

    def model_post_init(self, _: Any) -> None:
        if self.subject is None and any(getattr(self.event, name) is not None for name in self.event.personal_fields()):
            raise ValueError(f"{self.event.type_name()} has personal fields, but no subject")
