"""Sentences about the close of a run that people sign, the same on pages and in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.vocabulary.states import EXCEPTION, STEP, SYSTEM_OUTCOME, Vocabulary, in_sentence, label

CLOSE_CHANGE: Vocabulary = {
    "step": "Step",
    "exception": "Exception",
    "reopened": "It was opened again",
}
"""What can differ from what people signed."""


def votes_cast(cast: int, quorum: int, signs_close: bool) -> str:
    """`1 of 2 signatures`, or approvals at a gate about steps."""
    return f"{cast} of {quorum} {'signatures' if signs_close else 'approvals'}"


def close_summary(close: Mapping[str, Any]) -> str:
    """How the steps ended: `Every step has ended: 7 verified, 1 attested, none skipped.`"""
    skipped = str(close["skipped"]) if close["skipped"] else "none"
    return f"Every step has ended: {close['verified']} verified, {close['attested']} attested, {skipped} skipped."


def systems_by_outcome(close: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """The label of each outcome that there is, with its systems."""
    found = [
        (words, [str(one.get("title") or one["place"]) for one in close["systems"] if one["outcome"] == outcome])
        for outcome, words in SYSTEM_OUTCOME.items()
    ]
    return [(words, titles) for words, titles in found if titles]


def changed_since(changes: Sequence[Mapping[str, Any]]) -> str:
    """Why an earlier signature does not count."""
    if not changes:
        return "The signature has expired."
    return f"The run has changed since: {'; '.join(_changed(change) for change in changes)}."


def _changed(change: Mapping[str, Any]) -> str:
    if change["kind"] == "reopened":
        return in_sentence(CLOSE_CHANGE["reopened"])
    if change["kind"] == "exception":
        what = in_sentence(label(change["title"], EXCEPTION))
        return f"an exception was accepted ({what})" if change["after"] else f"an exception is open again ({what})"
    before, after = (in_sentence(label(change[name], STEP)) if change[name] else "" for name in ("before", "after"))
    if not before:
        return f"the step “{change['title']}” was added ({after})"
    if not after:
        return f"the step “{change['title']}” was removed"
    became = f"repeated ({after})" if before == after else f"{before} and is {after}"
    return f"the step “{change['title']}” was {became}"
