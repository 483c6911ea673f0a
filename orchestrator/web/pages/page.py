"""A page as a response: the template, the viewer, and what every page shows around its content."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import state_of

NEW_RUN = "new-run"
NAVIGATION = (
    ("inbox", "Inbox", "/"),
    ("runs", "Runs", "/runs"),
    (NEW_RUN, "New run", "/runs/new"),
    ("exceptions", "Exceptions", "/exceptions"),
    ("packets", "Packets", "/packets"),
    ("systems", "Systems", "/systems"),
    ("ledger", "Ledger", "/ledger"),
    ("outcomes", "Outcomes", "/outcomes"),
    ("away", "Delegation", "/away"),
)


async def page(
    request: Request,
    template: str,
    *,
    title: str,
    caller: Caller | None = None,
    current: str = "",
    status: int = 200,
    flashes: tuple[Flash, ...] = (),
    **context: Any,
) -> HTMLResponse:
    """`template` drawn for `caller`, in their time zone. It shows the messages that were kept for them, once."""
    web = state_of(request)
    session = caller.session if caller is not None else None
    # When a live page reloads itself, it takes no message from the page that the user opens next.
    looked_at = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    kept = session.flashes if session is not None and looked_at else ()
    if session is not None and kept:
        await web.sessions.say(session)
    body = web.templates.get_template(template).render(
        page_title=title,
        caller=caller,
        navigation=_offered(caller) if caller is not None else [],
        may_start=caller is not None and caller.may_start,
        current=current,
        installation_local=bool(web.local),
        flashes=[*kept, *flashes],
        csrf_token=session.csrf if session is not None else "",
        zone=caller.zone if caller is not None else "UTC",
        now=caller.now if caller is not None else None,
        path=request.url.path,
        form_place=getattr(request.state, "form_place", ""),
        **context,
    )
    return HTMLResponse(body, status)


def _offered(caller: Caller) -> list[tuple[str, str, str, None]]:
    """What they would be refused is not offered."""
    return [(key, label, href, None) for key, label, href in NAVIGATION if key != NEW_RUN or caller.may_start]


async def back_to(request: Request, caller: Caller, to: str, *flashes: Flash) -> Response:
    """The answer to a form that was carried out: another page with the result (303, so that reloading it sends nothing
    twice)."""
    request.state.refused = any(flash.kind == "refused" for flash in flashes)
    if flashes and caller.session is not None:
        await state_of(request).sessions.say(caller.session, *flashes)
    return RedirectResponse(to, 303)
