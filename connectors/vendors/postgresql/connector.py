"""PostgreSQL accounts: roles that can sign in to one server, in all of its databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import timedelta

from connectors.abilities import Ability, Account, Effect, Lookup, Pace, Reachability, ReadBack, Reply, unpaced
from connectors.acts import Act, ActTable
from connectors.errors import ConnectorError, not_reachable
from connectors.listing import AccountsListed
from connectors.network.hosts import require_allowed
from connectors.parameters import unknown_attribute
from connectors.read_backs import account_missing
from connectors.rehearsal import Rehearsal, Rehearsing
from connectors.vendors.postgresql.finding import ATTRIBUTES, every_login, find
from connectors.vendors.postgresql.joining import join_groups, look_at_joining
from connectors.vendors.postgresql.memberships import leave_groups, look_at_groups
from connectors.vendors.postgresql.ownership import hand_over, look_at_ownership
from connectors.vendors.postgresql.removal import drop, look_at_removal
from connectors.vendors.postgresql.rights import RIGHTS_MISSING, said
from connectors.vendors.postgresql.roles import Role, account, account_to_change, oid_of
from connectors.vendors.postgresql.server import Conversation, converse
from connectors.vendors.postgresql.sessions import (
    disable,
    enable,
    end_sessions,
    look_at_enabling,
    look_at_login,
    look_at_sessions,
)
from connectors.vendors.postgresql.settings import PostgresqlSettings, require_usable
from connectors.vendors.postgresql.snapshot import snapshot

KIND = "postgresql"
_NO_TOKENS = timedelta(0)
"""Each session signs in; the server issues nothing that is accepted later."""


class PostgresqlConnector:
    """See `connectors.abilities.Connector`. The native id is the role's OID. Each call has connections of its own."""

    kind = KIND

    def __init__(self, settings: PostgresqlSettings, *, allowed_hosts: Collection[str]) -> None:
        require_allowed(settings.host, settings.port, allowed_hosts)
        require_usable(settings)
        self._settings = settings

    def __repr__(self) -> str:
        return f"PostgresqlConnector({self._settings.host}:{self._settings.port})"

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return ACTS.abilities

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        for lookup in lookups:
            if lookup.attribute not in ATTRIBUTES:
                raise unknown_attribute(KIND, lookup.attribute, ATTRIBUTES)
        return await converse(self._settings, lambda talk: find(talk, lookups), deadline=deadline, pace=pace)

    async def list_accounts(
        self, attributes: Collection[str], *, at_most: int, deadline: float, pace: Pace = unpaced
    ) -> AccountsListed | None:
        for name in attributes:
            if name not in ATTRIBUTES:
                raise unknown_attribute(KIND, name, ATTRIBUTES)
        return await converse(
            self._settings, lambda talk: every_login(talk, attributes, at_most), deadline=deadline, pace=pace
        )

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        do = ACTS.act(effect.ability).do
        oid_of(effect)
        if do is None:
            return Reply()  # an ability of the level read is carried out by its read-back

        async def work(talk: Conversation) -> Reply:
            return await do(talk, await account_to_change(talk, effect), effect)

        return await converse(self._settings, work, deadline=effect.deadline, pace=pace)

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        look = ACTS.act(effect.ability).look
        oid_of(effect)
        assert look is not None  # every ability is read back

        async def work(talk: Conversation) -> ReadBack:
            return await look(talk, await account(talk, effect), effect)

        return await converse(self._settings, work, deadline=effect.deadline, pace=pace)

    async def rehearse(self, effect: Effect, *, pace: Pace = unpaced) -> Rehearsal | None:
        """The server itself refuses changes in the sessions of a rehearsal (default_transaction_read_only)."""
        act = ACTS.act(effect.ability)
        oid_of(effect)
        rehearsing = Rehearsing()

        async def work(talk: Conversation) -> None:
            if act.do is not None:
                await act.do(talk, await account_to_change(talk, effect), effect)
            elif act.look is not None:
                await act.look(talk, await account(talk, effect), effect)

        talk = converse(self._settings, work, deadline=effect.deadline, pace=pace, rehearsing=rehearsing)
        return await rehearsing.of(talk)

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        try:
            words = await converse(self._settings, said, deadline=deadline, pace=pace)
        except ConnectorError as error:
            return not_reachable(error)
        return Reachability(True, "; ".join(words), lacking=tuple(word for word in words if RIGHTS_MISSING in word))

    async def aclose(self) -> None:
        """No connection outlives a call."""


def make_postgresql(settings: PostgresqlSettings, allowed_hosts: Collection[str]) -> PostgresqlConnector:
    return PostgresqlConnector(settings, allowed_hosts=allowed_hosts)


_DoRole = Callable[[Conversation, Role, Effect], Awaitable[Reply]]
_CheckRole = Callable[[Conversation, Role | None, Effect], Awaitable[ReadBack]]


def _of_role(look: Callable[[Conversation, Role, Effect], Awaitable[ReadBack]]) -> _CheckRole:
    async def looking(talk: Conversation, role: Role | None, effect: Effect) -> ReadBack:
        return account_missing() if role is None else await look(talk, role, effect)

    return looking


ACTS: ActTable[_DoRole, _CheckRole] = ActTable(
    KIND,
    Act(
        Ability(
            "snapshot_access",
            "read",
            "records the role's attributes, memberships, sessions, privileges, and what it owns in each database",
            reversible="yes",
        ),
        look=_of_role(snapshot),
    ),
    Act(
        Ability(
            "disable_account",
            "change",
            "sets NOLOGIN, so that no way to sign in is left; open sessions last until `end_sessions`",
            reversible="yes",
            cuts_access=True,
            tokens_last=_NO_TOKENS,
            undone_by="enable_account",
        ),
        disable,
        _of_role(look_at_login),
    ),
    Act(
        Ability(
            "enable_account",
            "change",
            "sets LOGIN; the password and VALID UNTIL stay as they are",
            reversible="yes",
            gives_access=True,
        ),
        enable,
        _of_role(look_at_enabling),
    ),
    Act(
        Ability(
            "end_sessions",
            "change",
            "ends all sessions of the role, and rolls their open transactions back; they stay ended only after "
            "`disable_account`",
            reversible="yes",  # an account that may still sign in signs in again
            cuts_access=True,
            tokens_last=_NO_TOKENS,
            regained_by_sign_in=True,
            ends=("sessions",),
        ),
        end_sessions,
        _of_role(look_at_sessions),
    ),
    Act(
        Ability(
            "remove_from_groups",
            "change",
            "revokes the role's direct memberships in all roles, or in those in `groups`, except those in `keep`",
            reversible="yes",  # the memberships with their options are in the reply and in the snapshot
            cuts_access=True,
            tokens_last=_NO_TOKENS,
            undone_by="add_to_groups",
            taken_as="left_groups",
            recorded_as="groups",
        ),
        leave_groups,
        _of_role(look_at_groups),
    ),
    Act(
        Ability(
            "add_to_groups",
            "change",
            "grants the role the memberships that a run revoked, with their options, as the role that Offboard uses",
            reversible="yes",
            gives_access=True,
        ),
        join_groups,
        _of_role(look_at_joining),
    ),
    Act(
        Ability(
            "hand_over_ownership",
            "change",
            "makes the role `to_role` (a name), `to_account` (an OID), or the one whose name or comment is `to_email` "
            "the owner of all that the role owns, in every database (REASSIGN OWNED)",
            hands_over=True,
        ),
        hand_over,
        _of_role(look_at_ownership),
    ),
    Act(
        Ability(
            "drop_account",
            "change",
            "drops the role; refused while it owns something, has privileges on something, or has open sessions",
            ends_account=True,
            tokens_last=_NO_TOKENS,
            destroys=True,
        ),
        drop,
        look_at_removal,
    ),
)
