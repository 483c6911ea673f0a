"""Events about credentials of programs and users, in the stream `organisation`.

`by` is the account that did it, `human` the opaque id of the person behind it (None where HR has no record of them).
No event holds a secret. Tokens of a user's own command line are sign-ins, and leave no event.
"""

from __future__ import annotations

from datetime import datetime

from orchestrator.domain.events.event import Event, Personal, added_later


class TokenMade(Event):
    """`actor_id` is the account of the program, `up_to` its maximum permission. `by` is the owner of a service, until
    `ServiceOwnersChanged`; `deputy` is the account that it passes to. Events without the last two, and those of
    versions that did not record them, are encoded without these fields."""

    token_id: str
    actor_id: str
    up_to: str
    by: str
    human: str | None = None
    deputy: str | None = added_later()
    expires_at: datetime | None = added_later()


class ServiceOwnersChanged(Event):
    """`owner` and `deputy` are the accounts that answer for the service of this token from now on."""

    token_id: str
    actor_id: str
    owner: str
    deputy: str | None = None
    by: str
    human: str | None = None


class TokenRevoked(Event):
    token_id: str
    actor_id: str
    by: str
    human: str | None = None
    reason: Personal[str] = None


class SessionsEnded(Event):
    """All sessions of a user, and the tokens of their command lines."""

    actor_id: str
    by: str
    human: str | None = None
    reason: Personal[str] = None


class WebhookAdded(Event):
    """`packets` are those whose runs it receives, None for all."""

    hook_id: str
    packets: tuple[str, ...] | None = None
    by: str
    human: str | None = None


class WebhookSecretReplaced(Event):
    hook_id: str
    by: str
    human: str | None = None


class WebhookDisabled(Event):
    hook_id: str
    by: str
    human: str | None = None
    reason: Personal[str] = None
