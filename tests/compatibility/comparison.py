"""What was recorded and is not there any more: additions are allowed, losses and changes are named with their place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any


def lost(
    recorded: Any, now: Any, place: str = "", *, given: bool = True, passed_over: Collection[str] = ()
) -> Iterator[str]:
    """One line a loss. In the schema of something that is `given` to us (a request, a stored event) a field may not
    become required; in one that we answer it may not cease to be. `passed_over` are keys whose values may change."""
    more = {"given": given, "passed_over": passed_over}
    if isinstance(recorded, dict):
        if not isinstance(now, dict):
            yield f"{place}: {recorded!r} became {now!r}"
            return
        if given and "type" in recorded and "anyOf" in now:  # more is accepted than before
            accepted = {key: value for key, value in recorded.items() if key not in ("default", "title", "description")}
            now = next((one for one in now["anyOf"] if not list(lost(accepted, one, place, **more))), now)
            recorded = accepted
        for key, value in recorded.items():
            if key in passed_over:
                continue
            if key == "required" and isinstance(value, list) and given:
                continue
            if key not in now:
                yield f"{place}/{key}: it is gone"
            elif key == "pattern" and given and _accepts_more(value, now[key]):
                continue
            else:
                yield from lost(value, now[key], f"{place}/{key}", **more)
        if given and isinstance(now.get("required"), list) and "properties" in recorded:
            for name in set(now["required"]) - set(recorded.get("required", ())):
                yield f"{place}/{name}: it was optional and is required"
    elif isinstance(recorded, list):
        if not isinstance(now, list):
            yield f"{place}: {recorded!r} became {now!r}"
            return
        for item in recorded:
            if not any(not list(lost(item, other, place, **more)) for other in now):
                yield f"{place}: {item!r} is gone"
    elif recorded != now or type(recorded) is not type(now):
        yield f"{place}: {recorded!r} became {now!r}"


def changed(recorded: Any, now: Any, place: str = "", *, passed_over: Collection[str] = ()) -> Iterator[str]:
    """As `lost`, for an answer with values: fields may be added, and lists keep their length and order."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key, value in recorded.items():
            if key in passed_over:
                continue
            if key not in now:
                yield f"{place}/{key}: it is gone"
            else:
                yield from changed(value, now[key], f"{place}/{key}", passed_over=passed_over)
    elif isinstance(recorded, list) and isinstance(now, list):
        if len(recorded) != len(now):
            yield f"{place}: {len(recorded)} entries became {len(now)}"
        for number, (before, after) in enumerate(zip(recorded, now, strict=False)):
            yield from changed(before, after, f"{place}/{number}", passed_over=passed_over)
    elif recorded != now or type(recorded) is not type(now):
        yield f"{place}: {recorded!r} became {now!r}"


def _accepts_more(recorded: str, now: str) -> bool:
    """Whether a pattern is the recorded one with an optional part at its end."""
    return recorded.endswith("$") and now.startswith(f"{recorded[:-1]}(") and now.endswith(")?$")
