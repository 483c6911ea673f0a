"""Finding accounts: by name, by comment, and by the part of a mail address before the @."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from psycopg import sql

from connectors.abilities import Account, Lookup
from connectors.account_set import AccountSet, equals_ignoring_case, value_shown, values_asked
from connectors.errors import ActionRequiredError
from connectors.listing import AccountsListed, ListedAccount, cut
from connectors.vendors.postgresql.memberships import inherited, memberships, reached_by
from connectors.vendors.postgresql.roles import Role, as_oid, login_roles, roles_where
from connectors.vendors.postgresql.server import Conversation

_POWERFUL = frozenset(
    {"pg_execute_server_program", "pg_read_server_files", "pg_write_server_files", "pg_write_all_data",
     "pg_read_all_data", "pg_maintain", "pg_create_subscription", "pg_signal_backend"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Attribute:
    condition: sql.SQL
    asked: Callable[[str], str]
    """What of a lookup's value is compared."""
    shown: Callable[[Role], str | None]


def _whole(value: str) -> str:
    return value


def _local_part(value: str) -> str:
    return value.partition("@")[0]


_COMMENT = sql.SQL("lower(btrim(pg_catalog.shobj_description(r.oid, 'pg_authid'))) = lower(btrim(%(value)s::text))")
# The type of names folds ASCII letters only.
_NAME = sql.SQL('(r.rolname = %(value)s::text OR lower(r.rolname::text COLLATE "default") = lower(%(value)s::text))')
_ATTRIBUTES: Mapping[str, _Attribute] = {
    "rolname": _Attribute(_NAME, _whole, lambda role: role.name),
    "comment": _Attribute(_COMMENT, _whole, lambda role: role.comment),
    "email_local_part": _Attribute(_NAME, _local_part, lambda role: role.name),
    "oid": _Attribute(sql.SQL("r.oid::text = %(value)s::text"), _whole, lambda role: str(role.oid)),
}
ATTRIBUTES = tuple(_ATTRIBUTES)
_ANY_COMMENT = sql.SQL(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_shdescription WHERE classoid = 'pg_catalog.pg_authid'::regclass)"
)


async def find(talk: Conversation, lookups: Sequence[Lookup]) -> Sequence[Account]:
    """Without case, since PostgreSQL folds names that are not quoted to lower case. Raises
    `ActionRequiredError("search_unproven")` where no role has a comment: names are shown to every session."""
    found, asked = AccountSet(), values_asked(lookups)
    lookups = [lookup for lookup in lookups if lookup.value.strip()]
    for lookup in lookups:
        attribute = _ATTRIBUTES[lookup.attribute]
        value = attribute.asked(lookup.value)
        if not value or (lookup.attribute == "oid" and as_oid(value) is None):
            continue
        for role in await roles_where(talk, attribute.condition, value):
            if not equals_ignoring_case(attribute.shown(role), value):
                continue
            given = {name: shown for name, wanted in asked.items() if (shown := _given(role, name, wanted)) is not None}
            found.add(await _account(talk, role, given), lookup.attribute, given[lookup.attribute])
    by_comment = any(lookup.attribute == "comment" for lookup in lookups)
    if by_comment and not found.accounts() and not await talk.value(_ANY_COMMENT):
        raise ActionRequiredError(
            "search_unproven",
            "No role of the server has a comment, so a search by comment finds no account.",
            remedy="Set comments with COMMENT ON ROLE, or correct the match key in platform.yaml.",
            happened="no",
        )
    return found.accounts()


def _given(role: Role, name: str, wanted: set[str]) -> str | None:
    """A name that is the local part of an address is shown as that address, so that the caller can compare."""
    attribute = _ATTRIBUTES[name]
    shown = attribute.shown(role)
    for value in wanted:
        if equals_ignoring_case(shown, attribute.asked(value)):
            return value if attribute.asked is _local_part else shown
    return value_shown([] if shown is None else [shown], wanted)


async def _account(talk: Conversation, role: Role, given: Mapping[str, str]) -> Account:
    direct = {each.name for each in await memberships(talk, role)}
    reached = direct | {each["name"] for each in await inherited(talk, role)}
    return _shown(talk, role, given, reached)


def _shown(talk: Conversation, role: Role, given: Mapping[str, str], reached: Collection[str]) -> Account:
    return Account(
        native_id=str(role.oid),
        label=role.name,
        # The name is kept with the account: an act compares it with the name that the OID has then.
        attributes={**given, "rolname": role.name},
        active=role.can_login,
        privileged=bool(role.powers or set(reached) & (_POWERFUL | talk.settings.privileged_names)),
        # A person of another mail domain can have the same name.
        secondary=frozenset(name for name in given if _ATTRIBUTES[name].asked is _local_part),
    )


async def every_login(talk: Conversation, attributes: Collection[str], at_most: int) -> AccountsListed:
    """The roles that can sign in. The role that we are signed in as is one of them."""
    roles = await login_roles(talk, at_most + 1)
    reached = await reached_by(talk, roles)
    found = []
    for role in roles:
        shown = {name: _ATTRIBUTES[name].shown(role) for name in attributes}
        values = {name: (value.strip(),) for name, value in shown.items() if value is not None and value.strip()}
        found.append(ListedAccount(_shown(talk, role, {}, reached.get(role.oid, ())), values))
    partly = frozenset(name for name in attributes if _ATTRIBUTES[name].asked is _local_part)
    return replace(cut(found, at_most), local_parts=partly)
