"""The page Outcomes: for how long access stayed open, exceptions, and how much manual work was saved."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.documents.document import Document
from orchestrator.documents.outcomes import outcomes_document
from orchestrator.domain.errors import Refusal
from orchestrator.notifications.notice_words import MONTHS
from orchestrator.reading.outcomes import OutcomeQueries, Span
from orchestrator.vocabulary.durations import coarse, length
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.packets import readable
from orchestrator.web.drawing.charts import Bar, bars, columns, times_chart
from orchestrator.web.pages.lists.choices import choices
from orchestrator.web.pages.lists.filters import status_with, understood
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.page import page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.state import state_of
from orchestrator.web.words import words

router = APIRouter()

SPANS = {"30": "Last 30 days", "90": "Last 90 days", "365": "Last year", "all": "All time", "own": "Custom period"}
"""By days; `own` takes two dates."""
FIRST_SPAN = "90"
MAX_ROWS = 50
"""Rows of a chart's table; the API has all of them."""
MAX_EXPOSED_SHOWN = 25


@router.get("/outcomes")
async def outcomes(request: Request, caller: PageCaller) -> Response:
    """Of runs that the caller sees, and no others."""
    web = state_of(request)
    query, misread = understood(request.query_params, {"span": SPANS})
    typed = {name: query.get(name, "").strip()[:200] for name in ("packet", "span", "since", "until")}
    if typed["since"] or typed["until"]:
        typed["span"] = "own"  # given dates count before a chosen span
    typed["span"] = typed["span"] or FIRST_SPAN
    status = status_with(misread, 200)
    try:
        span = _span(typed, caller)
    except Refusal as refused:
        (flash, status), span = refusal_flash(request, refused), Span()
        misread = (*misread, flash)
    if typed["packet"]:
        span = Span(span.since, span.until, (await readable(web, caller, typed["packet"])).name)
    asked = OutcomeQueries(web.database, web.queries, web.services.runs)
    found = outcomes_document(await asked.outcomes(caller.viewer, span))
    can = await choices(web, caller)
    return await page(
        request,
        "lists/outcomes.html",
        title="Outcomes",
        caller=caller,
        current="outcomes",
        status=status,
        flashes=misread,
        found=found,
        typed=typed,
        packets=can.packets,
        spans=SPANS,
        systems=dict(can.tasks + can.systems),
        max_rows=MAX_ROWS,
        max_exposed=MAX_EXPOSED_SHOWN,
        threshold=_threshold(found),
        **_drawn(found),
    )


def _span(typed: dict[str, str], caller: Caller) -> Span:
    """Raises `Invalid` for what is no time."""
    if typed["span"] == "own":
        return Span(
            instant_given(typed["since"], caller.zone, "The start") if typed["since"] else None,
            instant_given(typed["until"], caller.zone, "The end") if typed["until"] else None,
        )
    if typed["span"] == "all":
        return Span()
    since: datetime = caller.now - timedelta(days=int(typed["span"]))
    return Span(since)


def _threshold(found: Document) -> int | None:
    """What is promised, where it is the same for all that is shown."""
    promised = found["access_gone_within"]
    if found["packet"] is not None:
        return int(promised[found["packet"]]) if found["packet"] in promised else None
    same = set(promised.values())
    return int(same.pop()) if len(same) == 1 else None


def _drawn(found: Document) -> Document:
    taken = [float(one["seconds"]) for one in found["cutoff_to_verified"]["each"]]
    exceptions = [
        Bar(
            words(one["kind"], "exception"),
            one["open"] + one["closed"],
            f"{one['open'] + one['closed']}" + (f" ({one['open']} open)" if one["open"] else ""),
        )
        for one in found["exceptions"]
    ]
    months = [
        Bar(_month(one["month"]), one["minutes"], length(one["minutes"] * 60))
        for one in found["minutes_saved"]["by_month"]
    ]
    exposed = [
        Bar(one["name"] or one["run_id"], one["seconds"], length(one["seconds"]), late=_late(found, one))
        for one in found["open_exposure"]["longest"][:10]
    ]
    threshold = _threshold(found)
    return {
        "figures": {
            **{name: _coarse(found["cutoff_to_verified"][name]) for name in ("median", "p95", "worst")},
            "saved": _coarse(found["minutes_saved"]["total"] * 60 or None),
        },
        "times": times_chart(taken, threshold=threshold, title="From cutoff to verified", id_="times"),
        "causes": bars(exceptions, title="Exceptions by cause", id_="causes", unit="exceptions"),
        "saved": columns(months, title="Manual minutes saved by month", id_="saved"),
        "exposure": bars(exposed, title="Longest open exposure now", id_="exposure"),
    }


def _coarse(seconds: int | None) -> str:
    """For a large figure; the table has it to the second."""
    return coarse(timedelta(seconds=seconds)) if seconds is not None else "–"


def _late(found: Document, one: Document) -> bool:
    promised = found["access_gone_within"].get(one["packet"])
    return promised is not None and one["seconds"] > promised


def _month(month: str) -> str:
    year, number = month.split("-")
    return f"{MONTHS[int(number) - 1]} {year}"
