"""Differences between two versions of a packet in sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, get_args

from pydantic import BaseModel

from orchestrator.documents.document import Document
from orchestrator.documents.plain_words import joined, quoted, sentence
from orchestrator.domain.organisation.roles import role_words
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.timing import Timing
from orchestrator.domain.packet.versions.change_table import ChangeKind
from orchestrator.domain.packet.versions.changes import FileChange, PartOf, changes
from orchestrator.vocabulary.durations import spelled

LONGEST: Final = 160
"""Characters of one value in a sentence. `before` and `after` have it whole."""

_NAME: Final = re.compile(r"[a-z0-9_.@*-]{1,80}")
"""Names of the packet, which a sentence has without quotation marks."""

_ACCOUNTS: Final = {"person": "role", "service": "service with the role", "assistant": "assistant with the role"}
_EVERYONE: Final = {"person": "everyone", "service": "every service", "assistant": "every assistant"}


def changes_document(before: Packet | None, after: Packet) -> Document:
    """`before` is None where there is no version to compare with, and then there are no changes."""
    found = changes(before, after) if before is not None else ()
    return {
        "packet": after.name,
        "before": before.version if before is not None else None,
        "after": after.version,
        "counts": {kind: sum(change.kind == kind for change in found) for kind in get_args(ChangeKind)},
        "changes": [change_document(change) for change in found],
    }


def change_document(change: FileChange) -> Document:
    return {
        "file": change.file,
        "owner": change.owner,
        "kind": change.kind,
        "place": ".".join(change.place),
        "sentence": change_sentence(change),
        "before": _value(change.before, whole=True) if change.before is not None else None,
        "after": _value(change.after, whole=True) if change.after is not None else None,
    }


def counts_words(counts: dict[str, int]) -> str:
    """`2 laxer, 1 wording`; `no changes`."""
    said = [f"{counts[kind]} {kind}" for kind in ("laxer", "other", "stricter", "wording") if counts[kind]]
    return ", ".join(said) or "no changes"


def change_sentence(change: FileChange) -> str:
    """Such as `Gate “Remove access”: number of people who decide, from 1 to 2.`"""
    where = ", ".join(_part(part) for part in change.parts)
    values = f"from {_value(change.before)} to {_value(change.after)}"
    match change.what:
        case "text":
            said = f"Comments, layout or order of {change.file}"
        case "added" | "removed":
            is_entry = bool(change.parts) and change.parts[-1].title is not None
            said = f"{where if is_entry else _inside(where, change.words)}: {change.what}"
        case "order":
            said = f"{where}: order of the {change.words}s, {values}"
        case _:
            said = f"{_inside(where, change.words)}, {values}"
    return sentence(said[0].upper() + said[1:])


def _inside(where: str, words: str) -> str:
    return f"{where}: {words}" if where else words


def _part(part: PartOf) -> str:
    if part.words in _ACCOUNTS and part.title is not None:
        return _EVERYONE[part.words] if part.title == "*" else f"{_ACCOUNTS[part.words]} {role_words(part.title)}"
    return f"{part.words} {quoted(part.title)}" if part.title is not None else part.words


def _value(value: Any, *, whole: bool = False) -> str:
    if value is None or value in ((), ""):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, timedelta):
        return spelled(value) or "zero"
    if isinstance(value, Timing):
        return str(value)
    if isinstance(value, BaseModel):
        return _cut(json.dumps(value.model_dump(mode="json", by_alias=True), ensure_ascii=False), whole)
    if isinstance(value, dict):
        return _cut(json.dumps(value, ensure_ascii=False), whole)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _cut(joined(str(one) for one in value), whole)
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if whole or _NAME.fullmatch(text) else quoted(_cut(text, whole))


def _cut(text: str, whole: bool) -> str:
    return text if whole or len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
