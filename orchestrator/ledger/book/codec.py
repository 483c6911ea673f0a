"""Domain events to JSON and back. Only this module upgrades old schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from orchestrator.domain.events.event import PERSONAL, Event
from orchestrator.ledger.book.errors import UnreadableEvent

# Made once: `json.dumps` makes an encoder for each value. Not orjson, which writes some numbers in another way.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""From the fields of one schema to those of the next. Personal fields may be None: the person may be erased."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """`public` is canonical JSON of all fields that are not personal; `personal` JSON by field, without the Nones."""

    type: str
    schema: int
    public: bytes
    personal: Mapping[str, bytes]


class EventCodec:
    """`upcasts` maps (type, schema) to the step from that schema to the next one."""

    def __init__(
        self, event_types: Iterable[type[Event]], upcasts: Mapping[tuple[str, int], Upcast] | None = None
    ) -> None:
        self._types: dict[str, type[Event]] = {}
        for kind in event_types:
            if self._types.setdefault(kind.type_name(), kind) is not kind:
                raise ValueError(f"event type {kind.type_name()}: two classes have this name. Rename one")
            _require_personal_on_top(kind)
        self._personal = {name: kind.personal_fields() for name, kind in self._types.items()}
        self._upcasts = dict(upcasts or {})
        for name, kind in self._types.items():
            for schema in range(1, kind.schema_version):
                if (name, schema) not in self._upcasts:
                    raise ValueError(
                        f"event type {name}: no upcast from schema {schema}. Add it to the codec's upcasts"
                    )

    def encode(self, event: Event) -> Encoded:
        """Raises `UnreadableEvent` for a type that this codec could not read back."""
        name = event.type_name()
        if self._types.get(name) is not type(event):
            raise _unknown(name)
        fields = event.model_dump(mode="json")
        personal = {
            field: canonical_json(value)
            for field in self._personal[name]
            if (value := fields.pop(field, None)) is not None
        }
        return Encoded(name, event.schema_version, canonical_json(fields), personal)

    def decode(self, type_name: str, schema: int, public: bytes, personal: Mapping[str, bytes] | None) -> Event:
        """`personal` holds the decrypted JSON by field; None when the key is gone, and those fields are then None.
        Raises `UnreadableEvent` naming the type."""
        kind = self._types.get(type_name)
        if kind is None:
            raise _unknown(type_name)
        if schema > kind.schema_version:
            raise UnreadableEvent(
                f"event type {type_name}",
                f"schema {schema} is newer than this program's {kind.schema_version}",
                "Update this process",
            )
        if schema < kind.schema_version:
            text = json.dumps(self._upcast(type_name, schema, kind.schema_version, public, personal or {}))
        else:
            known = personal or {}
            parts = [f'"{field}":{known.get(field, b"null").decode()}' for field in self._personal[type_name]]
            inner = public.decode()[1:-1]
            text = f"{{{','.join([inner, *parts] if inner else parts)}}}"
        try:
            return kind.model_validate_json(text)
        except ValidationError as error:
            # Which field and what rule, but never the value, which may be personal.
            wrong = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['type']}"
                for item in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise UnreadableEvent(f"event type {type_name}, schema {schema}", wrong, "Add an upcast") from None

    def _upcast(
        self, type_name: str, schema: int, newest: int, public: bytes, personal: Mapping[str, bytes]
    ) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(public)
        fields.update({field: json.loads(value) for field, value in personal.items()})
        for step in range(schema, newest):
            fields = self._upcasts[type_name, step](fields)
        return dict.fromkeys(self._personal[type_name]) | fields


def canonical_json(value: object) -> bytes:
    """Sorted keys, no white space, UTF-8, no NaN."""
    return _CANONICAL.encode(value).encode()


def _require_personal_on_top(kind: type[Event]) -> None:
    """A personal field inside a nested model would be written in clear: refuse such a type when it is registered."""
    seen: set[type[BaseModel]] = set()

    def look(annotation: Any, path: str) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation in seen:
                return
            seen.add(annotation)
            for name, field in annotation.model_fields.items():
                if PERSONAL in field.metadata:
                    raise ValueError(
                        f"event type {kind.type_name()}: {path}.{name} is personal, but inside another model. "
                        "Mark the event's own field as personal instead"
                    )
                look(field.annotation, f"{path}.{name}")
        if PERSONAL in getattr(annotation, "__metadata__", ()):
            raise ValueError(
                f"event type {kind.type_name()}: {path} holds personal values inside. Mark the whole field"
            )
        for part in get_args(annotation):
            look(part, path)

    for name, field in kind.model_fields.items():
        if PERSONAL not in field.metadata:
            look(field.annotation, name)


def _unknown(name: str) -> UnreadableEvent:
    return UnreadableEvent(f"event type {name}", "it is unknown to this program", "Register it, or update this process")
