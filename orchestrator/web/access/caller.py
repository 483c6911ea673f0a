"""Who asks: the person behind a browser's session, or the holder of a token. Roles are those in the ledger, less what
was revoked since; a session or a token ends at its own person's cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.ledger.access.sessions import Session, left_since
from orchestrator.ledger.access.tokens import Token
from orchestrator.reading.visibility import Viewer
from orchestrator.web.access.start_permissions import may_start
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import WebState, state_of

AHEAD = timedelta(minutes=1)
"""By how much an identity provider's clock may be ahead of ours."""

TOKEN = HTTPBearer(
    scheme_name="token", description="The token of a person, a service or an AI assistant", auto_error=False
)
"""For the OpenAPI document only: `token_caller` checks the token and reports errors."""


class SignInNeeded(Exception):
    """No one is signed in, or no longer."""


class TokenNeeded(Exception):
    """The API was called without a token that works."""


@dataclass(frozen=True, slots=True)
class Caller:
    """`zone` is the time zone that times are shown in. `session` is a browser's, `token` a program's; one of them is
    there. `may_start` is whether pages offer them a new run."""

    actor: Actor
    now: datetime
    name: str | None = None
    zone: str = "UTC"
    auth_time: datetime | None = None
    acr: str | None = None
    session: Session | None = None
    token: Token | None = None
    may_start: bool = False

    @property
    def viewer(self) -> Viewer:
        return Viewer.of(self.actor)

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(sorted(self.actor.roles))

    def proved_at(self, settings: WebSettings) -> datetime | None:
        """When they last proved who they are: by the provider's word. Where it says no time, at the session's
        beginning, if the way in which they did is one that counts. A provider whose own session goes on signs in
        without asking, and repeats how and when the person proved it before. That a token is new proves nothing: an old
        session may have confirmed it."""
        wanted = settings.oidc.step_up_acr if settings.oidc is not None else ()
        if self.auth_time is None and self.session is not None and self.acr in wanted:
            return self.session.created_at
        return self.auth_time

    def require_step_up(self, settings: WebSettings, what: str = "An urgent start") -> None:
        """What takes effect before an approval, and what gives others access, is for a person who has just
        proved who they are. `what` begins the message. Raises `NotAllowed` (`step_up_needed`)."""
        sign_in = self.sign_in(settings)
        if not sign_in.recent:
            raise NotAllowed("step_up_needed", f"{what} needs a recent sign-in.", minutes=sign_in.minutes)

    def sign_in(self, settings: WebSettings) -> SignIn:
        """What `require_step_up` checks, for a worker that learns from HR whether a start is late."""
        proved, within = self.proved_at(settings), settings.step_up_within
        recent = proved is not None and -AHEAD <= self.now - proved <= within
        return SignIn(recent, max(int(within.total_seconds() // 60), 1))

    def require_fresh_sign_in(self, settings: WebSettings, what: str) -> None:
        """The same for what only people can do: programs are refused by the command itself."""
        if self.actor.kind == "person":
            self.require_step_up(settings, what)


async def session_caller(request: Request) -> Caller:
    """The person behind the browser's session. Raises `SignInNeeded`."""
    web = state_of(request)
    secret = request.cookies.get(cookie_name(web.settings))
    # Browsers say of what a page's script asks for, streams among it, that no one navigated.
    by_hand = request.headers.get("sec-fetch-mode", "navigate") == "navigate"
    session = await web.sessions.find(secret, by_hand=by_hand) if secret else None
    if session is None:
        raise SignInNeeded
    request.state.account = session.actor_id
    snapshot = await web.queries.organisation_snapshot()
    actor = snapshot.organisation.actors.get(session.actor_id)
    if actor is None or await _has_left(web, actor, session.created_at):
        await web.sessions.end(session.secret)
        raise SignInNeeded
    caller = Caller(
        actor=actor,
        now=session.now,
        name=session.name,
        zone=session.zone or "UTC",
        auth_time=session.auth_time,
        acr=session.acr,
        session=session,
        may_start=may_start(actor, snapshot.shelves.values()),
    )
    request.state.caller = caller
    return caller


async def token_caller(
    request: Request, described: Annotated[HTTPAuthorizationCredentials | None, Security(TOKEN)] = None
) -> Caller:
    """The holder of a bearer token (RFC 6750), asked once a request. Raises `TokenNeeded`."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is None:
        known = request.state.caller = await token_holder(request)
        if known.actor.kind == "assistant":
            web = state_of(request)
            await web.assistant_calls.admit(known.actor.actor_id)
            await require_not_stopped(web, known.actor)
    return known


async def require_not_stopped(web: WebState, actor: Actor) -> None:
    """Raises `NotAllowed` (`assistant_stopped`)."""
    if (await web.queries.organisation_snapshot()).organisation.stopped(actor):
        raise NotAllowed("assistant_stopped", "This assistant was stopped.")


async def token_holder(request: Request) -> Caller:
    """Asked again, for what lasts longer than a moment: a token ends, and so does what its holder may do. Raises
    `TokenNeeded`."""
    web = state_of(request)
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    token = await web.tokens.find(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise TokenNeeded
    request.state.account = token.actor_id
    organisation = (await web.queries.organisation_snapshot()).organisation
    actor = organisation.actors.get(token.actor_id)
    if token.token_id in organisation.revoked_tokens or actor is None or await _has_left(web, actor, token.created_at):
        raise TokenNeeded
    if token.actor_id != token.made_by:
        # Tokens of earlier versions left no event, so that the ledger does not know who made them.
        program = organisation.programs.get(token.actor_id)
        people = program.people if program is not None and actor.kind == "service" else (token.made_by,)
        answering = [organisation.actors[account] for account in people if account in organisation.actors]
        staying = [one for one in answering if not await _has_left(web, one, token.created_at)]
        if program is not None and actor.kind == "assistant" and program.maker_human is not None:
            # HR can know the creator's account by another record since.
            left = await left_since(web.database, program.maker_human, token.created_at)
            staying = [] if left else staying
        if not staying:
            raise TokenNeeded  # a token ends when everyone who answers for its program has left
        maker_human = actor.maker_human or staying[0].human
        creator = actor.creator or (made_by.human if (made_by := organisation.actors.get(token.made_by)) else None)
        maker = actor.maker or staying[0]
        actor = actor.model_copy(update={"maker": maker, "maker_human": maker_human, "creator": creator})
    return Caller(
        actor=_capped(actor, token.up_to),
        now=token.now,
        auth_time=token.auth_time,
        acr=token.acr,
        token=token,
    )


def _capped(actor: Actor, up_to: Level) -> Actor:
    lower = up_to if actor.up_to is None else min(actor.up_to, up_to, key=lambda level: level.rank)
    return actor.model_copy(update={"up_to": lower})


async def _has_left(web: WebState, actor: Actor, since: datetime) -> bool:
    return actor.human is not None and await left_since(web.database, actor.human, since)


def cookie_name(settings: WebSettings) -> str:
    """`__Host-` has browsers keep the cookie to this very host and to TLS."""
    return "__Host-offboard" if settings.secure else "offboard"


PageCaller = Annotated[Caller, Depends(session_caller)]
ApiCaller = Annotated[Caller, Depends(token_caller)]
