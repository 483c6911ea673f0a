"""The filters of a list, from its address. All lists use these functions.

An unknown value is ignored, so that an old bookmark still shows a list; the page says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.datastructures import QueryParams

from orchestrator.ledger.access.sessions import Flash


def understood(query: QueryParams, known: Mapping[str, Collection[str]]) -> tuple[QueryParams, tuple[Flash, ...]]:
    """The query without words that are none of those `known`, by the field's name, and what is said of them. An empty
    word asks for nothing."""
    kept: list[tuple[str, str]] = []
    wrong: list[str] = []
    for name, word in query.multi_items():
        if word and name in known and word not in known[name]:
            wrong.append(f"{name} “{word[:40]}”")
        else:
            kept.append((name, word))
    if not wrong:
        return query, ()
    without = "it" if len(wrong) == 1 else "them"
    said = Flash(
        "refused",
        f"Invalid filters in the address: {', '.join(wrong[:5])}.",
        f"The list is shown without {without}. Use the filters on this page.",
    )
    return QueryParams(kept), (said,)


def status_with(misread: Collection[Flash], status: int) -> int:
    """As where a cursor is none (422), unless there is worse to tell."""
    return 422 if misread and status == 200 else status
