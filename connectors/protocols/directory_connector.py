"""What the connectors to directories share: one conversation with the server for each call, and ids that are UUIDs.

A dialect says how an entry is found and read, and has the table of acts (`connectors.protocols.ldap`,
`connectors.vendors.active_directory.connector`).
"""

from __future__ import annotations

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from connectors.abilities import Ability, Account, Effect, Lookup, Pace, Reachability, ReadBack, Reply, unpaced
from connectors.account_set import AccountSet, equals_ignoring_case, main_value, value_shown, values_asked
from connectors.acts import ActTable
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, not_reachable
from connectors.listing import AccountsListed, ListedAccount, cut
from connectors.network.hosts import require_allowed
from connectors.network.tls import require_private, trust
from connectors.parameters import account_gone, account_of, unknown_attribute
from connectors.protocols.ldap_directory import LdapDirectory
from connectors.protocols.ldap_session import LdapSession
from connectors.protocols.ldap_settings import DirectorySettings, address
from connectors.read_backs import account_missing
from connectors.rehearsal import Rehearsal, Rehearsing

SettingsT = TypeVar("SettingsT", bound=DirectorySettings)
Context = TypeVar("Context")
EntryT = TypeVar("EntryT")

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")  # RFC 4512 section 1.4, keystring


class DirectoryConnector(ABC, Generic[SettingsT, Context, EntryT]):
    """See `connectors.abilities.Connector`. `Context` is what a conversation begins with, and `EntryT` an account as
    the dialect reads it. The functions in `acts` are called with the connector, the context, the account and the
    effect."""

    kind: ClassVar[str]
    id_attribute: ClassVar[str]
    usual_attributes: ClassVar[tuple[str, ...]]
    """Named in the error about an attribute that cannot be one."""
    search_controls: ClassVar[tuple[str, ...]] = ()
    """OIDs of the controls that each search has."""

    def __init__(self, settings: SettingsT, *, allowed_hosts: Collection[str]) -> None:
        host, port, ldaps = address(settings.url)
        require_allowed(host, port, allowed_hosts)
        require_private(host, encrypted=settings.encrypted, setting="url")
        self.settings = settings
        self._directory = LdapDirectory(
            host,
            port,
            bind_dn=settings.bind_dn,
            password=settings.password.get_secret_value(),
            ldaps=ldaps,
            start_tls=settings.start_tls and not ldaps,
            tls=trust(settings.ca_file) if settings.encrypted else None,
            max_entries=settings.max_entries,
            search_controls=self.search_controls,
        )

    @property
    @abstractmethod
    def acts(self) -> ActTable[Any, Any]: ...

    @abstractmethod
    def begin(self, session: LdapSession) -> Context: ...

    @abstractmethod
    def matching(self, context: Context, lookup: Lookup, attributes: Collection[str]) -> Sequence[EntryT]:
        """The people that may have the value, with these attributes among others."""

    @abstractmethod
    def everyone(self, context: Context, attributes: Collection[str]) -> Sequence[EntryT]:
        """All people below the base for people, with these attributes among others."""

    @abstractmethod
    def values(self, entry: EntryT, attribute: str) -> Sequence[str]: ...

    def main_values(self, entry: EntryT, attribute: str) -> Sequence[str]:
        """Of several values of an attribute, the one that the directory marks as the main one; none where it marks
        none."""
        return ()

    @abstractmethod
    def account(self, context: Context, entry: EntryT) -> Account: ...

    @abstractmethod
    def any_person_with(self, context: Context, attribute: str) -> bool: ...

    @abstractmethod
    def signs_us_in(self, context: Context, entry: EntryT) -> bool:
        """Whether it is the account of bind_dn."""

    @abstractmethod
    def entry(self, context: Context, native_id: str) -> EntryT | None: ...

    @abstractmethod
    def said(self, context: Context) -> list[str]:
        """What a check says about a directory that can be used. Raises `ConnectorError` about one that cannot."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._directory!r})"

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return self.acts.abilities

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        for lookup in lookups:
            if not _ATTRIBUTE.fullmatch(lookup.attribute):
                raise unknown_attribute(self.kind, lookup.attribute, self.usual_attributes)
        return await self._directory.converse(
            lambda session: self.find(self.begin(session), lookups), deadline=deadline, pace=pace
        )

    async def list_accounts(
        self, attributes: Collection[str], *, at_most: int, deadline: float, pace: Pace = unpaced
    ) -> AccountsListed | None:
        named = [name for name in attributes if _ATTRIBUTE.fullmatch(name)]

        def work(session: LdapSession) -> AccountsListed:
            context = self.begin(session)
            found = []
            for entry in self.everyone(context, named)[: at_most + 1]:
                values = {name: tuple(self.values(entry, name)) for name in named}
                found.append(ListedAccount(self.account(context, entry), values))
            return cut(found, at_most)

        return await self._directory.converse(work, deadline=deadline, pace=pace)

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        do = self.acts.act(effect.ability).do
        native_id = self.id_of(effect)
        if do is None:
            return Reply()  # an ability of the level read is carried out by its read-back

        def work(session: LdapSession) -> Reply:
            context = self.begin(session)
            entry = self._entry_to_change(context, native_id, effect)
            reply: Reply = do(self, context, entry, effect)
            return reply

        return await self._directory.converse(work, deadline=effect.deadline, pace=pace)

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        look = self.acts.act(effect.ability).look
        native_id = self.id_of(effect)
        assert look is not None  # every ability of a directory is read back

        def work(session: LdapSession) -> ReadBack:
            context = self.begin(session)
            entry = self.entry(context, native_id)
            seen: ReadBack = account_missing() if entry is None else look(self, context, entry, effect)
            return seen

        return await self._directory.converse(work, deadline=effect.deadline, pace=pace)

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        try:
            said = await self._directory.converse(
                lambda session: self.said(self.begin(session)), deadline=deadline, pace=pace
            )
        except ConnectorError as error:
            return not_reachable(error)
        return Reachability(True, "; ".join(said), lacking=tuple(word for word in said if "rights_missing" in word))

    async def rehearse(self, effect: Effect, *, pace: Pace = unpaced) -> Rehearsal | None:
        act = self.acts.act(effect.ability)
        native_id = self.id_of(effect)
        rehearsing = Rehearsing()

        def work(session: LdapSession) -> None:
            context = self.begin(session)
            step = act.do or act.look
            assert step is not None  # every ability of a directory is read back
            if act.do is not None:
                entry = self._entry_to_change(context, native_id, effect)
            elif (found := self.entry(context, native_id)) is not None:
                entry = found
            else:
                raise account_gone(effect)
            step(self, context, entry, effect)

        talk = self._directory.converse(work, deadline=effect.deadline, pace=pace, rehearsing=rehearsing)
        return await rehearsing.of(talk)

    def _entry_to_change(self, context: Context, native_id: str, effect: Effect) -> EntryT:
        """Raises `RefusedError`: account_gone, own_account."""
        entry = self.entry(context, native_id)
        if entry is None:
            raise account_gone(effect)
        if self.signs_us_in(context, entry):
            raise RefusedError(
                "own_account",
                "The account is the one that Offboard signs in with (bind_dn): without it, nothing can be changed any "
                "more.",
                remedy="Set bind_dn to an account that belongs to no person, restart the workers, and retry the step.",
                happened="no",
            )
        return entry

    def find(self, context: Context, lookups: Sequence[Lookup]) -> Sequence[Account]:
        found = AccountSet()
        asked = values_asked(lookups)
        lookups = [lookup for lookup in lookups if lookup.value.strip()]
        for lookup in lookups:
            for entry in self.matching(context, lookup, asked):
                shown = self.values(entry, lookup.attribute)
                if not shown:
                    raise _not_shown(lookup.attribute)
                same = next((value for value in shown if equals_ignoring_case(value, lookup.value)), None)
                if same is None:
                    continue
                given = {
                    name: value
                    for name, wanted in asked.items()
                    if (value := value_shown(self.values(entry, name), wanted)) is not None
                }
                account = self.account(context, entry)
                main = {name: main_value(self.values(entry, name), self.main_values(entry, name)) for name in given}
                secondary = [name for name, value in given.items() if not equals_ignoring_case(main[name], value)]
                found.add(
                    replace(account, attributes={**account.attributes, **given}, secondary=frozenset(secondary)),
                    lookup.attribute,
                    same,
                )
        if not found.accounts():
            self._prove_search(context, [lookup.attribute for lookup in lookups])
        return found.accounts()

    def _prove_search(self, context: Context, attributes: Sequence[str]) -> None:
        """That nothing was found proves that there is no account only where the directory shows the attribute on
        other people. Raises `ActionRequiredError("search_unproven")`."""
        for attribute in dict.fromkeys(attributes):
            if not self.any_person_with(context, attribute):
                raise ActionRequiredError(
                    "search_unproven",
                    f"The directory shows {attribute} on none of its people, so a search by it finds no account.",
                    remedy="Correct the match key or people_base, or allow bind_dn to read the attribute.",
                    happened="no",
                )

    async def aclose(self) -> None:
        self._directory.close()

    def id_of(self, effect: Effect) -> str:
        """The account's id in the form of RFC 4122. Raises `RefusedError`: account_needed, invalid_id."""
        try:
            return str(uuid.UUID(account_of(effect).native_id))
        except ValueError:
            raise RefusedError(
                "invalid_id",
                f"The account's native ID is not an {self.id_attribute}.",
                remedy="Re-plan the run to search for the account again.",
                happened="no",
            ) from None


def _not_shown(attribute: str) -> ActionRequiredError:
    """About an entry that a filter found by an attribute and that comes without it: the rights allow to search by the
    attribute and not to read it, or the directory returns it under its other name (`uid` for `userid`)."""
    return ActionRequiredError(
        "search_unproven",
        f"The directory found an entry by {attribute} and does not return {attribute}, so it is not known whose it is.",
        remedy="Allow bind_dn to read the attribute; or write the match key with the name under which the directory "
        "returns it.",
        happened="no",
    )
