"""Code hosting over its HTTP interface: accounts, sessions, personal access tokens, repositories."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, Reachability, ReadBack, Reply
from connectors.account_set import AccountSet, equals_ignoring_case
from connectors.errors import RefusedError
from connectors.http.client import Call, Fields, HttpSettings, JsonHttp
from connectors.parameters import account_gone, account_of, text_of, unknown_ability, unknown_attribute

_ATTRIBUTES = ("id", "username", "email", "employee_number")

ABILITIES: Mapping[str, Ability] = {
    ability.name: ability
    for ability in (
        Ability(
            "snapshot_access",
            "read",
            "records state, rights, sessions, tokens and repositories",
            reversible="yes",
        ),
        Ability(
            "suspend_account",
            "change",
            "suspends the account, so that it can neither sign in nor push",
            reversible="yes",
            cuts_access=True,
        ),
        Ability(
            "revoke_sessions",
            "change",
            "ends every session of the account",
            reversible="yes",  # nothing is lost: whoever may still sign in signs in again
            cuts_access=True,
        ),
        Ability(
            "revoke_tokens",
            "change",
            "deletes the account's personal access tokens; what runs with them stops",
            cuts_access=True,
        ),
        Ability(
            "demote_admin",
            "change",
            "takes the administrator's rights away",
            reversible="yes",
            cuts_access=True,
        ),
        Ability(
            "transfer_repositories",
            "change",
            "gives the account's repositories to `to_account` (an id) or to whoever has the address `to_email`",
            reversible="yes",  # the reply names what was transferred, and it can be transferred back
        ),
    )
}


class CodeHostingSettings(HttpSettings):
    """How to reach the code hosting."""


class _Account(Fields):
    id: str = Field(min_length=1)
    username: str
    email: str | None = None
    employee_number: str | None = None
    state: Literal["active", "suspended"]
    admin: bool
    repositories: list[str]

    def shown(self, attribute: str) -> str | None:
        return {
            "id": self.id,
            "username": self.username,
            "email": self.email,
            "employee_number": self.employee_number,
        }[attribute]

    def as_account(self) -> Account:
        shown = {name: self.shown(name) for name in _ATTRIBUTES if name != "id"}
        attributes = {name: value for name, value in shown.items() if value is not None}
        return Account(self.id, self.username, attributes, self.state == "active", self.admin)


class _Accounts(Fields):
    accounts: list[_Account]


class _Session(Fields):
    id: str
    created_at: str | None = None


class _Sessions(Fields):
    sessions: list[_Session]


class _Token(Fields):
    id: str
    name: str | None = None
    created_at: str | None = None


class _Tokens(Fields):
    tokens: list[_Token]


class _Transferred(Fields):
    transferred: list[str]


class _Removed(Fields):
    removed: int


class CodeHostingConnector:
    """See `connectors.abilities.Connector`; lookups take `id`, `username`, `email` and `employee_number`."""

    kind = "code_hosting"
    abilities = ABILITIES

    def __init__(self, settings: CodeHostingSettings, *, allowed_hosts: Collection[str]) -> None:
        self._http = JsonHttp(settings, allowed_hosts=allowed_hosts)

    def __repr__(self) -> str:
        return f"CodeHostingConnector({self._http!r})"

    async def find_accounts(self, lookups: Sequence[Lookup], *, deadline: float = 30.0) -> Sequence[Account]:
        call = self._http.call(deadline)
        found = AccountSet()
        for lookup in lookups:
            if lookup.attribute not in _ATTRIBUTES:
                raise unknown_attribute("code_hosting", lookup.attribute, _ATTRIBUTES)
            for account in await self._search(call, lookup.attribute, lookup.value):
                found.add(account.as_account(), lookup.attribute, account.shown(lookup.attribute) or "")
        return found.accounts()

    async def attempt(self, effect: Effect) -> Reply:
        if effect.ability not in ABILITIES:
            raise unknown_ability("code_hosting", effect.ability)
        account_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        path = ("accounts", account_id)
        match effect.ability:
            case "suspend_account":
                return Reply({"state": (await self._change(call, effect, "POST", *path, "suspend", to=_Account)).state})
            case "demote_admin":
                return Reply({"admin": (await self._change(call, effect, "POST", *path, "demote", to=_Account)).admin})
            case "revoke_sessions":
                return Reply({"removed": (await self._change(call, effect, "DELETE", *path, "sessions")).removed})
            case "revoke_tokens":
                return Reply({"removed": (await self._change(call, effect, "DELETE", *path, "tokens")).removed})
            case "transfer_repositories":
                return await self._transfer(call, account_id, effect)
        return Reply()  # snapshot_access looks only when it is read back

    async def read_back(self, effect: Effect) -> ReadBack:
        if effect.ability not in ABILITIES:
            raise unknown_ability("code_hosting", effect.ability)
        account_id = account_of(effect).native_id
        call = self._http.call(effect.deadline)
        account = await self._account(call, account_id)
        if account is None:
            return ReadBack("unknown", {"present": False})
        state: dict[str, Any] = {"id": account.id, "username": account.username, "state": account.state}
        match effect.ability:
            case "suspend_account":
                return _stands(account.state == "suspended", state)
            case "demote_admin":
                return _stands(not account.admin, {**state, "admin": account.admin})
            case "revoke_sessions":
                sessions = await self._sessions(call, account_id)
                return _stands(not sessions, {**state, "sessions": sessions})
            case "revoke_tokens":
                tokens = await self._tokens(call, account_id)
                return _stands(not tokens, {**state, "tokens": tokens})
            case "transfer_repositories":
                recipient = await self._recipient(call, effect)
                received = {"to": recipient.id, "recipient_repositories": recipient.repositories}
                return _stands(not account.repositories, {**state, "repositories": account.repositories, **received})
        access = {
            "admin": account.admin,
            "repositories": account.repositories,
            "sessions": await self._sessions(call, account_id),
            "tokens": await self._tokens(call, account_id),
        }
        return ReadBack("done", {**state, **access})

    async def check(self, *, deadline: float = 10.0) -> Reachability:
        return await self._http.check("accounts", "0", deadline=deadline, missing_ok=True)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _search(self, call: Call, attribute: str, value: str) -> list[_Account]:
        if not value.strip():
            return []
        if attribute == "id":
            account = await self._account(call, value)
            return [account] if account is not None and account.id == value else []
        answer = await call.send("GET", "accounts", params={attribute: value})
        accounts = call.parse(answer, _Accounts).accounts
        return [account for account in accounts if equals_ignoring_case(account.shown(attribute), value)]

    async def _account(self, call: Call, account_id: str) -> _Account | None:
        answer = await call.send("GET", "accounts", account_id, missing_ok=True)
        return None if answer.status == 404 else call.parse(answer, _Account)

    async def _sessions(self, call: Call, account_id: str) -> list[dict[str, Any]]:
        answer = await call.send("GET", "accounts", account_id, "sessions")
        return [session.model_dump() for session in call.parse(answer, _Sessions).sessions]

    async def _tokens(self, call: Call, account_id: str) -> list[dict[str, Any]]:
        answer = await call.send("GET", "accounts", account_id, "tokens")
        return [token.model_dump() for token in call.parse(answer, _Tokens).tokens]

    async def _transfer(self, call: Call, account_id: str, effect: Effect) -> Reply:
        recipient = await self._recipient(call, effect)
        if recipient.id == account_id or recipient.state != "active":
            raise RefusedError(
                "recipient_not_usable",
                "Repositories can go to another account only, and to one that is active.",
                remedy="Name another recipient in the step's parameters.",
                happened="no",
            )
        path = ("accounts", account_id, "repositories", "transfer")
        transferred = await self._change(
            call, effect, "POST", *path, to=_Transferred, document={"to": recipient.id}
        )  # fmt: skip
        return Reply({"to": recipient.id, "transferred": transferred.transferred})

    async def _recipient(self, call: Call, effect: Effect) -> _Account:
        attribute, name = ("id", "to_account") if "to_account" in effect.parameters else ("email", "to_email")
        recipients = await self._search(call, attribute, text_of(effect, name))
        if len(recipients) == 1:
            return recipients[0]
        raise RefusedError(
            "recipient_ambiguous" if recipients else "recipient_not_found",
            f"{len(recipients)} accounts answer to {name}; exactly one must.",
            remedy="Give the recipient's account id in to_account.",
            happened="no",
        )

    async def _change(
        self, call: Call, effect: Effect, method: str, *path: str, to: Any = _Removed, document: Any = None
    ) -> Any:
        answer = await call.send(
            method, *path, document=document, headers={"Effect-Key": effect.effect_key}, missing_ok=True
        )
        if answer.status == 404:
            raise account_gone(effect)
        return call.parse(answer, to)


def _stands(stands: bool, evidence: dict[str, Any]) -> ReadBack:
    return ReadBack("done" if stands else "not_done", evidence)
