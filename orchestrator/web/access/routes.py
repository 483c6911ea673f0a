"""Signing in and out in a browser, and confirming the code of a program that waits for its person."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from orchestrator import commands
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.ledger.access.answers import ClaimedKey, StoredResponse
from orchestrator.ledger.access.devices import ConfirmedDevice
from orchestrator.ledger.access.sessions import Flash, hash_of
from orchestrator.web.access.caller import PageCaller, cookie_name
from orchestrator.web.access.forms import Form, from_our_pages, text
from orchestrator.web.access.logout_tokens import LARGEST_TOKEN
from orchestrator.web.access.provider import SignInFailed
from orchestrator.web.access.sign_in_completion import Arrival, open_session
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.requests.concurrency import out_of_turn
from orchestrator.web.state import WebState, state_of

router = APIRouter(include_in_schema=False)

PROVIDER = "identity-provider"
"""Under this name the ids of its logout tokens are kept; no account has it."""
USED_TOKEN_TTL = timedelta(hours=1)
"""Longer than a logout token is valid."""
SIGN_IN_WITHIN = timedelta(minutes=10)


@router.get("/sign-in")
async def sign_in(request: Request, to: str = "/") -> Response:
    """The sign-in page."""
    web = state_of(request)
    return await page(
        request,
        "access/sign_in.html",
        title="Sign in",
        to=safe_path(to),
        provider=web.provider is not None,
        local=web.local,
    )


@router.get("/sign-in/start")
async def start(request: Request, to: str = "/", step_up: bool = False) -> Response:
    """Redirects to the identity provider. A link and not a form: the page's policy allows forms to this site only."""
    web = state_of(request)
    if web.provider is None:
        raise Invalid("no_provider", "No identity provider is configured.")
    _opened_as_page(request)
    async with out_of_turn(request):
        url, state, kept = await web.provider.begin(step_up=step_up)
    begun = web.sessions.seal_sign_in(state, {**kept, "to": safe_path(to)}, SIGN_IN_WITHIN)
    answer = RedirectResponse(url, 303)
    # The browser that began is the one that comes back: the link of another browser does not sign in.
    _set(answer, web, _state_cookie(web), begun, SIGN_IN_WITHIN)
    return answer


@router.get("/sign-in/callback")
async def callback(request: Request, state: str = "", error: str = "") -> Response:
    """The callback of the identity provider."""
    web = state_of(request)
    if error:
        raise SignInFailed(
            "The identity provider refused the sign-in.", "Sign in again, or ask the provider's administrator."
        )
    kept = web.sessions.opened_sign_in(state, request.cookies.get(_state_cookie(web), "")) if state else None
    if web.provider is None or kept is None:
        raise SignInFailed("This sign-in was started in another browser or has expired.", "Sign in again.")
    async with out_of_turn(request):
        identity = await web.provider.finish(request.url.query, state, kept)
    arrival = Arrival(
        actor_id=_account(web, identity.subject),
        roles=identity.roles,
        person=identity.person,
        name=identity.name,
        email=identity.email,
        zone=identity.zone,
        auth_time=identity.auth_time,
        acr=identity.acr,
    )
    answer = await _signed_in(request, web, arrival, str(kept["to"]))
    answer.delete_cookie(_state_cookie(web), path="/", secure=web.settings.secure, httponly=True, samesite="lax")
    return answer


def _account(web: WebState, subject: str) -> str:
    return f"a_{web.services.keyring.lookup_tag('actor', subject).hex()[:24]}"


@router.post("/sign-in/provider-sign-out")
async def signed_out_at_provider(request: Request) -> Response:
    """The identity provider says that a session there has ended (OpenID Connect Back-Channel Logout 1.0, section 2.5):
    the account's sessions and command-line sign-ins end. A token is used once."""
    web = state_of(request)
    form = await request.form()
    written = text(form, "logout_token")
    if web.provider is None:
        raise HTTPException(404)
    if not written or len(written) > LARGEST_TOKEN:
        return _no_store(400, "invalid_request")
    try:
        async with out_of_turn(request):
            found = await web.provider.logged_out(written)
    except SignInFailed:
        return _no_store(400, "invalid_request")
    token_id = hashlib.sha256(found.token_id.encode()).hexdigest()
    claimed = await web.answers.claim(PROVIDER, token_id, hash_of(written), USED_TOKEN_TTL)
    if not isinstance(claimed, ClaimedKey) and claimed != "under_way":  # another process may have died on the way
        return _no_store(400, "invalid_request")
    request.state.account, request.state.signed_out = _account(web, found.subject), True
    await commands.sign_out_everywhere(web.sessions, web.tokens, request.state.account)
    await web.answers.keep(PROVIDER, token_id, StoredResponse(200, {}, ""))
    return _no_store(200)


def _no_store(status: int, error: str = "") -> Response:
    return JSONResponse({"error": error} if error else {}, status, headers={"Cache-Control": "no-store"})


def _opened_as_page(request: Request) -> None:
    """A page elsewhere could have an image start sign-ins, which would replace the one in progress. Browsers say what
    they open an address for (Fetch Metadata Request Headers, sections 2.1 and 2.2). Raises `NotAllowed`."""
    mode = request.headers.get("sec-fetch-mode", "navigate")
    destination = request.headers.get("sec-fetch-dest", "document")
    if mode != "navigate" or destination != "document":
        raise NotAllowed("form_not_ours", "A sign-in can be started only by opening its address as a page.")


def _state_cookie(web: WebState) -> str:
    return f"{cookie_name(web.settings)}-state"


@router.post("/sign-in/local")
async def sign_in_locally(request: Request) -> Response:
    """Local sign-in without a password, on the embedded stack only."""
    web = state_of(request)
    from_our_pages(request)
    form = await request.form()
    return await _signed_in(
        request, web, await local_arrival(web, text(form, "alias")), safe_path(text(form, "to") or "/")
    )


async def local_arrival(web: WebState, alias: str) -> Arrival:
    """Raises `NotAllowed` where sign-in by name is off, `Invalid` for an unknown name."""
    if not web.local:
        raise NotAllowed("no_local_sign_in", "Local sign-in is not available on this installation.")
    member = next((member for member in web.local if member.alias == alias.lower()), None)
    if member is None:
        known = ", ".join(member.alias for member in web.local)
        raise Invalid("unknown_actor", f"There is no local account {alias[:40]!r}.", known=known)
    return Arrival(
        actor_id=member.alias,
        roles=frozenset(member.roles),
        person=member.employee_number,
        auth_time=await web.services.runs.ledger.now(),
    )


@router.post("/sign-out")
async def sign_out(request: Request, caller: PageCaller, form: Form) -> Response:
    web = state_of(request)
    assert caller.session is not None
    await web.sessions.end(caller.session.secret)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(cookie_name(web.settings), path="/", secure=web.settings.secure, httponly=True, samesite="lax")
    return answer


@router.get("/device")
async def device(request: Request, caller: PageCaller) -> Response:
    """The form for the code that the command line shows. The code is never in the address: a link that
    another person sent confirms nothing (RFC 8628, section 5.4). The command line's sign-in is as recent as this
    session's, which only the identity provider makes recent."""
    web = state_of(request)
    again = web.provider is not None and not caller.sign_in(web.settings).recent
    return await page(request, "access/device.html", caller=caller, title="Sign in on the command line", again=again)


@router.post("/device")
async def confirm_device(request: Request, caller: PageCaller, form: Form) -> Response:
    web = state_of(request)
    refused = text(form, "answer") == "refuse"
    assert caller.session is not None
    if caller.session.passing and not refused:
        flash = Flash(
            "refused", "Your identity could not be confirmed in HR.", "Sign out, sign in again, then confirm the code."
        )
        return await back_to(request, caller, "/device", flash)
    confirmed = None if refused else ConfirmedDevice(caller.actor.actor_id, caller.proved_at(web.settings), caller.acr)
    if not await web.devices.confirm(text(form, "code"), confirmed):
        flash = Flash("refused", "This code is not valid.", "Check the code, or run “offboard login” again.")
    elif refused:
        flash = Flash("done", "The sign-in was rejected. The command line cannot act as you.")
    else:
        flash = Flash("done", "The command line is signed in as you. You can close this page.")
    return await back_to(request, caller, "/device", flash)


async def _signed_in(request: Request, web: WebState, arrival: Arrival, to: str) -> RedirectResponse:
    name = cookie_name(web.settings)
    secret = await open_session(request, web, arrival, request.cookies.get(name))
    answer = RedirectResponse(to, 303)
    _set(answer, web, name, secret, web.settings.session_lasts)
    return answer


def _set(answer: Response, web: WebState, name: str, value: str, lasts: timedelta) -> None:
    # Lax, since a link in a mail opens a page with the current session; forms repeat the session's own secret.
    answer.set_cookie(
        name,
        value,
        max_age=int(lasts.total_seconds()),
        path="/",
        secure=web.settings.secure,
        httponly=True,
        samesite="lax",
    )


def safe_path(to: str) -> str:
    """A path on this very host; the front page for whatever else is named."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and "\n" not in to and len(to) < 500 else "/"


def sign_in_address(request: Request) -> str:
    """Where a visitor who is not signed in is sent, to come back here."""
    return f"/sign-in?to={quote(request.url.path, safe='/')}" if request.url.path != "/" else "/sign-in"
