"""The connector class for all kinds of systems that are reached over HTTP.

A kind is an `HttpKind`: its settings, its authentication, how accounts are found, and its table of acts. All of these
are data and flows (`connectors.http.requests`), so a new vendor is one file without I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr

from connectors.abilities import (
    Ability,
    Account,
    Effect,
    Lookup,
    Pace,
    Reachability,
    ReadBack,
    Reply,
    SystemClass,
    unpaced,
)
from connectors.account_set import AccountSet, equals_ignoring_case
from connectors.acts import ActTable
from connectors.errors import ActionRequiredError, ConnectorError, not_reachable
from connectors.http.answers import JSON, BodyForm
from connectors.http.auth import Auth, BearerToken
from connectors.http.client import DEFAULT_MAX_ANSWER_BYTES, HttpClient
from connectors.http.dialect import Dialect
from connectors.http.flows import unexpected
from connectors.http.pages import Pages
from connectors.http.requests import Flow, Request
from connectors.listing import AccountsListed, Listing, cut
from connectors.parameters import account_of, unknown_attribute
from connectors.rehearsal import Rehearsal
from connectors.setup import Setup

SAMPLE_SIZE = "20"
"""Accounts to ask for where one must be found again by the same query."""
MAY_BE_EMPTY: dict[str, JsonValue] = {"may_be_empty": True}
"""The `json_schema_extra` of a setting for which an empty text is a value, and does not mean the default."""


class HttpSettings(BaseModel):
    """The settings of every HTTP connector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="address of the system's API, https://host/path")
    ca_file: str = Field(default="", description="certificates to trust instead of the public ones (PEM file)")
    max_answer_bytes: int = Field(
        default=DEFAULT_MAX_ANSWER_BYTES, gt=0, description="size limit of a response, in bytes"
    )


class TokenSettings(HttpSettings):
    """The same for a system that takes a bearer token."""

    token: SecretStr = Field(description="bearer token (RFC 6750)")


def bearer(settings: TokenSettings) -> Auth:
    return BearerToken(settings.token.get_secret_value())


S = TypeVar("S", bound=HttpSettings)
C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class CredentialCheck:
    """The result of a check: its text, the abilities for which the credential lacks permissions, and a sentence about
    what will end the credential soon."""

    said: str
    lacking: tuple[str, ...] = ()
    warning: str = ""


HttpDo = Callable[[C, Effect], Flow[Mapping[str, Any]]]
"""Carries an effect out and returns the reply's detail. `C` is what the kind prepares from its settings."""
HttpLook = Callable[[C, Effect], Flow[ReadBack]]
Find = Callable[[C, Sequence[Lookup]], Flow[Sequence[Account]]]
FindOne = Callable[[C, Lookup], Flow[Sequence[Account]]]
"""Accounts that may answer one lookup. Each shows in its attributes the value that it was found by, except for the
attribute `id`, which is the native id."""
Sample = Callable[[C], Flow[Sequence[Account]]]
"""Some accounts that the system lists without a condition, none where it has none."""


@dataclass(frozen=True, slots=True)
class HttpKind(Generic[S, C]):
    """One kind of system over HTTP.

    `prepare` makes from the settings what the flows are given: the settings themselves, or an object that also
    remembers what the system offers. `check` is a flow that shows whether the system answers and accepts the
    credential, and returns what to say about it, or a `CredentialCheck`; it raises `ConnectorError` where not.
    `list_accounts` lists all accounts (`connectors.listing`), None where the system cannot.
    `headers` are sent with each request, such as the version of the interface; `body_form` is that of the responses.
    `system_class` and `setup`: see `connectors.packages.ConnectorKind`."""

    name: str
    settings: type[S]
    auth: Callable[[S], Auth]
    prepare: Callable[[S], C]
    find: Find[C]
    acts: ActTable[HttpDo[C], HttpLook[C]]
    check: Callable[[C], Flow[str | CredentialCheck]]
    dialect: Dialect = field(default_factory=Dialect)
    media_type: str = "application/json"
    body_form: BodyForm = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    system_class: SystemClass | None = None
    setup: Setup | None = None
    list_accounts: Listing[C] | None = None


class HttpConnector(Generic[S, C]):
    """See `connectors.abilities.Connector`."""

    def __init__(self, kind: HttpKind[S, C], settings: S, *, allowed_hosts: Collection[str]) -> None:
        """Raises `ActionRequiredError`: setting_invalid, host_not_allowed, not_encrypted."""
        self._kind = kind
        self._context = kind.prepare(settings)
        self._client = HttpClient(
            settings.url,
            kind.auth(settings),
            allowed_hosts=allowed_hosts,
            ca_file=settings.ca_file,
            max_answer_bytes=settings.max_answer_bytes,
            media_type=kind.media_type,
            body_form=kind.body_form,
            headers=kind.headers,
            dialect=kind.dialect,
        )

    def __repr__(self) -> str:
        return f"HttpConnector({self.kind}, {self._client!r})"

    @property
    def kind(self) -> str:
        return self._kind.name

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return self._kind.acts.abilities

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        return await self._client.run(self._kind.find(self._context, lookups), deadline=deadline, pace=pace)

    async def list_accounts(
        self, attributes: Collection[str], *, at_most: int, deadline: float, pace: Pace = unpaced
    ) -> AccountsListed | None:
        if self._kind.list_accounts is None:
            return None
        flow = self._kind.list_accounts(self._context, attributes, at_most + 1)
        return cut(await self._client.run(flow, deadline=deadline, pace=pace), at_most)

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        act = self._kind.acts.act(effect.ability)
        if act.ability.needs_account:
            account_of(effect)
        if act.do is None:
            return Reply()  # an ability of the level read is carried out by its read-back
        return Reply(await self._client.run(act.do(self._context, effect), deadline=effect.deadline, pace=pace))

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        act = self._kind.acts.act(effect.ability)
        if act.ability.needs_account:
            account_of(effect)
        if act.look is None:
            return ReadBack("unknown")
        return await self._client.run(act.look(self._context, effect), deadline=effect.deadline, pace=pace)

    async def rehearse(self, effect: Effect, *, pace: Pace = unpaced) -> Rehearsal | None:
        act = self._kind.acts.act(effect.ability)
        if act.ability.needs_account:
            account_of(effect)
        flow = act.do or act.look
        assert flow is not None  # an ability of the level read has code that reads it back
        return await self._client.rehearse(flow(self._context, effect), deadline=effect.deadline, pace=pace)

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        try:
            said = await self._client.run(self._kind.check(self._context), deadline=deadline, pace=pace)
        except ConnectorError as error:
            return not_reachable(error)
        if isinstance(said, CredentialCheck):
            detail = f"{said.warning} {said.said}".lstrip()
            return Reachability(True, detail, lacking=said.lacking, warning=said.warning)
        return Reachability(True, said)

    async def aclose(self) -> None:
        await self._client.aclose()


def find_by(
    kind: str, finders: Mapping[str, FindOne[C]], *, sample: Sample[C], prove_themselves: Collection[str] = ()
) -> Find[C]:
    """Finds accounts by the attributes that `finders` names. Every account is compared again with what was asked,
    since a system may match prefixes or ignore a parameter that it does not know.

    "No account" needs a query that is known to work: where nothing was found, one of the accounts in `sample` must be
    found by each attribute that was asked for, except for those whose finders `prove_themselves`.

    The flow raises `RefusedError("unknown_attribute")` and `ActionRequiredError("search_unproven")`."""

    def find(context: C, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
        for lookup in lookups:
            if lookup.attribute not in finders:
                raise unknown_attribute(kind, lookup.attribute, finders)
        found = yield from matching(context, lookups)
        attributes = {lookup.attribute for lookup in lookups if lookup.value.strip()}.difference(prove_themselves)
        if not found and attributes:
            yield from prove(context, sorted(attributes))
        return found

    def matching(context: C, lookups: Sequence[Lookup]) -> Flow[Sequence[Account]]:
        found = AccountSet()
        by_id = any(lookup.attribute == "id" for lookup in lookups)
        for lookup in dict.fromkeys(lookups):
            if not lookup.value.strip():
                continue
            for account in (yield from finders[lookup.attribute](context, lookup)):
                if by_id:
                    account = replace(account, attributes={**account.attributes, "id": account.native_id})
                shown = account.attributes.get(lookup.attribute)
                if equals_ignoring_case(shown, lookup.value):
                    found.add(account, lookup.attribute, shown or "")
        return found.accounts()

    def prove(context: C, attributes: Sequence[str]) -> Flow[None]:
        accounts = yield from sample(context)
        for attribute in attributes:
            shown = ((each.native_id, each.attributes.get(attribute, "")) for each in accounts)
            known = [(id_, id_ if attribute == "id" else value) for id_, value in shown]
            native_id, value = next(((id_, value) for id_, value in known if value.strip()), ("", ""))
            found = (yield from matching(context, [Lookup(attribute, value)])) if value else []
            if native_id not in {account.native_id for account in found}:
                raise unproven(attribute)

    return find


def first_page(request: Request, pages: Pages, account: Callable[[Any], Account]) -> Sample[Any]:
    """The accounts on the first page of a list. `account` reads one item."""

    def sample(context: Any) -> Flow[Sequence[Account]]:
        return [account(item) for item in pages.items((yield pages.first(request)))]

    return sample


def unproven(attribute: str) -> ActionRequiredError:
    """The error of a search that found nothing, and would not have found an account that is there."""
    return ActionRequiredError(
        "search_unproven",
        f"A search by {attribute} finds none of the accounts that the system lists, so it does not prove that there is "
        "no account.",
        remedy=f"Choose a match key that accounts in this system have instead of {attribute}, or allow the credential "
        "to list accounts.",
        happened="no",
    )


def answers(request: Request) -> Callable[[Any], Flow[str]]:
    """A check that sends one request and needs an answer of the system's own. With `missing_ok` a 404 counts, as long
    as it has a JSON body: a gateway's 404 says nothing about the system behind it."""

    def check(context: Any) -> Flow[str]:
        answer = yield replace(request, missing_ok=True)
        if answer.body is None:
            unexpected("The response to the check has no JSON body.")
        return "reachable, credential accepted"

    return check
