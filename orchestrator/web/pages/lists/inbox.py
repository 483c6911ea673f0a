"""The open items of the viewer, the most urgent first, with what is needed to decide."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.packets import objections_for, packets_to_sign
from orchestrator.web.pages.lists.filters import status_with, understood
from orchestrator.web.pages.page import page
from orchestrator.web.pages.run.cards import Typed, card_of, with_typed
from orchestrator.web.pages.run.run_access import load_runs, name_in
from orchestrator.web.state import state_of

router = APIRouter()

PAGE_SIZE = 12
SHOWS = ("mine", "all")
KINDS = ("gate", "task", "exception", "review")


@router.get("/")
@router.get("/inbox")
async def inbox(request: Request, caller: PageCaller) -> Response:
    """`show=all` lists the open items of all users; `kind` filters by type."""
    return await show_inbox(request, caller, request.query_params)


async def show_inbox(
    request: Request,
    caller: Caller,
    query: QueryParams,
    status: int = 200,
    flashes: Sequence[Flash] = (),
    typed: Typed | None = None,
) -> Response:
    web = state_of(request)
    query, misread = understood(query, {"show": SHOWS, "kind": KINDS})
    status = status_with(misread, status)
    mine, kinds = wanted(query)
    after = query.get("after") or None
    found = await web.queries.inbox(caller.viewer, kinds, mine=mine, after=after, limit=PAGE_SIZE)
    runs = await load_runs(web, caller, [item.run_id for item in found.items])
    cards = [
        card
        for item in found.items
        if item.run_id in runs and (card := card_of(runs[item.run_id], item.id)) is not None and card["state"] == "open"
    ]
    with_typed(cards, typed)
    objecting = await objections_for(web, caller) if mine and not kinds and after is None else []
    staff = await web.queries.staff() if objecting else {}
    return await page(
        request,
        "lists/inbox.html",
        title="Inbox",
        caller=caller,
        current="inbox",
        status=status,
        flashes=(*flashes, *misread),
        here=address(mine, kinds, after=after),
        stream=address(mine, kinds, "/inbox/stream"),
        live=status == 200 and after is None,
        mine=mine,
        kind=kinds[0] if kinds else "",
        kinds=[(kind, address(mine, (kind,) if kind else ())) for kind in ("", *KINDS)],
        tabs=[
            ("mine", "For me", address(True, kinds), None),
            ("all", "All open items", address(False, kinds), None),
        ],
        to_sign=await packets_to_sign(web, caller) if mine and not kinds and after is None else [],
        objections=[one | {"by": name_in(staff, one["by"])} for one in objecting],
        cards=cards,
        ending=await web.queries.ending_embargoes(caller.viewer) if after is None else [],
        more=address(mine, kinds, after=found.after) if found.after else None,
        first=address(mine, kinds) if after else None,
        together=[card for card in cards if card.get("together")],
    )


def wanted(query: QueryParams) -> tuple[bool, tuple[str, ...]]:
    """Whether only items of the viewer, and which kinds (all: none named)."""
    kind = query.get("kind", "")
    return query.get("show") != "all", (kind,) if kind in KINDS else ()


def address(mine: bool, kinds: Sequence[str], path: str = "/", *, after: str | None = None) -> str:
    named = {"show": "" if mine else "all", "kind": kinds[0] if kinds else "", "after": after or ""}
    fields = {name: value for name, value in named.items() if value}
    return f"{path}?{urlencode(fields)}" if fields else path
