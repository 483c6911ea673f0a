"""Events to bytes and back, old schemas included."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestrator.domain.events.event import Event, Personal
from orchestrator.ledger.book.codec import EventCodec, canonical_json
from orchestrator.ledger.book.errors import UnreadableEvent
from tests.ledger.sample_events import EVENT_TYPES, Colour, Noted

codec = EventCodec(EVENT_TYPES)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
@given(
    st.builds(
        Noted,
        by=texts,
        at=st.none() | st.datetimes(timezones=st.timezones()).map(lambda at: at.astimezone()),
        colour=st.sampled_from(Colour),
        tags=st.lists(texts, max_size=3).map(tuple),
        name=st.none() | texts,
        addresses=st.none() | st.lists(texts, max_size=3).map(tuple),
    )
)
def test_what_is_encoded_is_decoded(event: Noted) -> None:
    encoded = codec.encode(event)
    assert codec.decode(encoded.type, encoded.schema, encoded.public, encoded.personal) == event
    assert json.loads(encoded.public).keys().isdisjoint({"name", "addresses"})
    erased = codec.decode(encoded.type, encoded.schema, encoded.public, None)
    assert erased == event.model_copy(update={"name": None, "addresses": None})


def test_json_is_canonical() -> None:
    assert canonical_json({"b": [1, None], "a": "ä\u2028"}) == '{"a":"ä\u2028","b":[1,null]}'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json(float("nan"))


class Moved(Event):
    schema_version: ClassVar[int] = 3
    place: str
    floor: int
    who: Personal[str] = None


def test_old_schemas_are_brought_up_to_date() -> None:
    def second(fields: dict[str, Any]) -> dict[str, Any]:
        return {"place": fields["where"], "who": fields.get("who")}

    upcasts = {("Moved", 1): second, ("Moved", 2): lambda fields: fields | {"floor": 0}}
    up_to_date = EventCodec([Moved], upcasts)
    assert up_to_date.decode("Moved", 1, b'{"where":"x"}', {"who": b'"Z"'}) == Moved(place="x", floor=0, who="Z")
    assert up_to_date.decode("Moved", 1, b'{"where":"x"}', None) == Moved(place="x", floor=0)
    with pytest.raises(ValueError, match="no upcast from schema 2"):
        EventCodec([Moved], {("Moved", 1): second})


def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(UnreadableEvent, match="Vanished"):
        codec.decode("Vanished", 1, b"{}", None)
    with pytest.raises(UnreadableEvent, match="schema 9 is newer"):
        codec.decode("Noted", 9, b"{}", None)
    with pytest.raises(UnreadableEvent, match="by: string_type") as wrong:
        codec.decode("Noted", 1, b'{"by":{"secret":"Quux"}}', None)
    assert "Quux" not in str(wrong.value)


def test_personal_values_that_would_be_written_in_clear_are_refused() -> None:
    class DecodedAddress(BaseModel):
        street: Personal[str] = None

    class Nested(Event):
        homes: tuple[DecodedAddress, ...]

    class Inside(Event):
        names: dict[str, Personal[str]]

    class Whole(Event):
        home: Personal[DecodedAddress] = None

    with pytest.raises(ValueError, match=r"homes\.street is personal"):
        EventCodec([Nested])
    with pytest.raises(ValueError, match="names holds personal"):
        EventCodec([Inside])
    EventCodec([Whole])


def test_two_types_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two classes"):
        EventCodec([*EVENT_TYPES, type("Noted", (Event,), {})])
