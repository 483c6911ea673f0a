"""Code hosting: accounts, sessions, personal access tokens, repositories.

Only the embedded company speaks this interface: the demo and tests use it in place of a real code hosting. It records
the header `Effect-Key`, by which tests count what an effect did; no vendor's connector sends it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.account_set import equals_ignoring_case
from connectors.acts import Act, ActTable
from connectors.errors import RefusedError
from connectors.http.connector import SAMPLE_SIZE, HttpKind, TokenSettings, answers, bearer, find_by, first_page
from connectors.http.flows import Fields, all_pages, ask_if_present, parse, require_account
from connectors.http.pages import Cursor
from connectors.http.requests import Flow, Operation
from connectors.listing import ListedAccount, listed
from connectors.parameters import account_of, text_of
from connectors.read_backs import account_missing, none_left, seen
from connectors.reference.changes import change_account

_ADMIN = {"id": "admin", "name": "administrator"}
_PAGES = Cursor(items_at=("accounts",), next_at=("next",), parameter="cursor")
_SESSION_PAGES = Cursor(items_at=("sessions",), next_at=("next",), parameter="cursor")
_TOKEN_PAGES = Cursor(items_at=("tokens",), next_at=("next",), parameter="cursor")

LIST_ACCOUNTS = Operation("GET", "/accounts")
GET_ACCOUNT = Operation("GET", "/accounts/{id}")
SUSPEND_ACCOUNT = Operation("POST", "/accounts/{id}/suspend")
UNSUSPEND_ACCOUNT = Operation("POST", "/accounts/{id}/unsuspend")
PROMOTE_ACCOUNT = Operation("POST", "/accounts/{id}/promote")
DEMOTE_ACCOUNT = Operation("POST", "/accounts/{id}/demote")
LIST_SESSIONS = Operation("GET", "/accounts/{id}/sessions")
END_SESSIONS = Operation("DELETE", "/accounts/{id}/sessions")
LIST_TOKENS = Operation("GET", "/accounts/{id}/tokens")
DELETE_TOKENS = Operation("DELETE", "/accounts/{id}/tokens")
TRANSFER_REPOSITORIES = Operation("POST", "/accounts/{id}/repositories/transfer")


class CodeHostingSettings(TokenSettings):
    """How to reach the code hosting."""


class _Account(Fields):
    id: str = Field(min_length=1)
    username: str
    email: str | None = None
    employee_number: str | None = None
    state: Literal["active", "suspended"]
    admin: bool
    repositories: list[str]
    sessions: int | None = None
    tokens: int | None = None
    """How many there are. The lists say which."""

    def as_account(self) -> Account:
        shown = {"username": self.username, "email": self.email, "employee_number": self.employee_number}
        attributes = {name: value for name, value in shown.items() if value is not None}
        return Account(self.id, self.username, attributes, self.state == "active", self.admin)

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "username": self.username, "state": self.state}


class _Session(Fields):
    id: str
    created_at: str | None = None


class _Token(Fields):
    id: str
    name: str | None = None
    created_at: str | None = None


class _Transferred(Fields):
    transferred: list[str]


class _Removed(Fields):
    removed: int


def _find(settings: CodeHostingSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    return [account.as_account() for account in (yield from _accounts(lookup.attribute, lookup.value))]


def _accounts(attribute: str, value: str) -> Flow[list[_Account]]:
    if attribute == "id":
        account = yield from ask_if_present(GET_ACCOUNT.request(value, missing_ok=True), _Account)
        return [account] if account is not None and account.id == value else []
    request = LIST_ACCOUNTS.request(params={attribute: value})
    found = [parse(item, _Account) for item in (yield from all_pages(request, _PAGES))]
    return [account for account in found if equals_ignoring_case(getattr(account, attribute), value)]


def _list(settings: CodeHostingSettings, attributes: Collection[str], at_most: int) -> Flow[Sequence[ListedAccount]]:
    items = yield from all_pages(LIST_ACCOUNTS.request(), _PAGES, at_most=at_most)
    return [listed(parse(item, _Account).as_account(), attributes) for item in items]


def _suspend(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return {"state": parse((yield from change_account(SUSPEND_ACCOUNT, effect)).body, _Account).state}


def _unsuspend(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return {"state": parse((yield from change_account(UNSUSPEND_ACCOUNT, effect)).body, _Account).state}


def _demote(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from _account(effect)
    after = parse((yield from change_account(DEMOTE_ACCOUNT, effect)).body, _Account)
    removed = [_ADMIN] if before is not None and before.admin and not after.admin else []
    return {"admin": after.admin, "removed_permissions": removed}


def _promote(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return {"admin": parse((yield from change_account(PROMOTE_ACCOUNT, effect)).body, _Account).admin}


def _end_sessions(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return {"removed": parse((yield from change_account(END_SESSIONS, effect)).body, _Removed).removed}


def _delete_tokens(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return {"removed": parse((yield from change_account(DELETE_TOKENS, effect)).body, _Removed).removed}


def _transfer(settings: CodeHostingSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    recipient = yield from _recipient(effect)
    if recipient.id == account_of(effect).native_id or recipient.state != "active":
        raise RefusedError(
            "recipient_not_usable",
            "Repositories can be transferred only to another active account.",
            remedy="Set another recipient in the step's parameters.",
            happened="no",
        )
    answer = yield from change_account(TRANSFER_REPOSITORIES, effect, {"to": recipient.id})
    return {"to": recipient.id, "transferred": parse(answer.body, _Transferred).transferred}


def _recipient(effect: Effect) -> Flow[_Account]:
    attribute, name = ("id", "to_account") if "to_account" in effect.parameters else ("email", "to_email")
    recipients = yield from _accounts(attribute, text_of(effect, name))
    if len(recipients) == 1:
        return recipients[0]
    raise RefusedError(
        "recipient_ambiguous" if recipients else "recipient_not_found",
        f"{len(recipients)} accounts match {name}; exactly one must.",
        remedy="Give the recipient's account id in to_account.",
        happened="no",
    )


def _sessions(account_id: str) -> Flow[list[dict[str, Any]]]:
    found = yield from all_pages(LIST_SESSIONS.request(account_id), _SESSION_PAGES)
    return [parse(item, _Session).model_dump() for item in found]


def _tokens(account_id: str) -> Flow[list[dict[str, Any]]]:
    found = yield from all_pages(LIST_TOKENS.request(account_id), _TOKEN_PAGES)
    return [parse(item, _Token).model_dump() for item in found]


def _account(effect: Effect) -> Flow[_Account | None]:
    request = GET_ACCOUNT.request(account_of(effect).native_id, missing_ok=True)
    account = yield from ask_if_present(request, _Account)
    if account is not None:
        require_account(account.id, effect)
    return account


def _look_at_state(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    return seen(account.state == "suspended", account.evidence())


def _look_at_unsuspension(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    return account_missing() if account is None else seen(account.state == "active", account.evidence())


def _look_at_promotion(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    return seen(account.admin, {**account.evidence(), "admin": account.admin})


def _look_at_rights(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    return seen(not account.admin, {**account.evidence(), "admin": account.admin})


def _look_at_sessions(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    sessions = yield from _sessions(account.id)
    evidence = {**account.evidence(), "sessions": sessions, "session_count": account.sessions}
    return none_left(sessions, evidence, shows_such=account.sessions == 0)


def _look_at_tokens(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    tokens = yield from _tokens(account.id)
    evidence = {**account.evidence(), "tokens": tokens, "token_count": account.tokens}
    return none_left(tokens, evidence, shows_such=account.tokens == 0)


def _look_at_repositories(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    recipient = yield from _recipient(effect)
    received = {"to": recipient.id, "recipient_repositories": recipient.repositories}
    evidence = {**account.evidence(), "repositories": account.repositories, **received}
    return seen(not account.repositories, evidence)


def _snapshot(settings: CodeHostingSettings, effect: Effect) -> Flow[ReadBack]:
    account = yield from _account(effect)
    if account is None:
        return account_missing()
    access = {"admin": account.admin, "repositories": account.repositories}
    sessions = yield from _sessions(account.id)
    tokens = yield from _tokens(account.id)
    return seen(True, {**account.evidence(), **access, "sessions": sessions, "tokens": tokens})


CODE_HOSTING = HttpKind(
    "code_hosting",
    CodeHostingSettings,
    system_class="code_host",
    auth=bearer,
    prepare=lambda settings: settings,
    find=find_by(
        "code_hosting",
        {"id": _find, "username": _find, "email": _find, "employee_number": _find},
        sample=first_page(
            LIST_ACCOUNTS.request(params={"limit": SAMPLE_SIZE}),
            _PAGES,
            lambda item: parse(item, _Account).as_account(),
        ),
    ),
    list_accounts=_list,
    check=answers(GET_ACCOUNT.request("0")),
    acts=ActTable(
        "code_hosting",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records state, permissions, sessions, tokens and repositories",
                reversible="yes",
            ),
            look=_snapshot,
        ),
        Act(
            Ability(
                "suspend_account",
                "change",
                "suspends the account, so that it cannot sign in or push",
                reversible="yes",
                cuts_access=True,
                tokens_last=timedelta(0),
                undone_by="unsuspend_account",
            ),
            _suspend,
            _look_at_state,
        ),
        Act(
            Ability(
                "unsuspend_account",
                "change",
                "lifts the suspension of the account",
                reversible="yes",
                gives_access=True,
            ),
            _unsuspend,
            _look_at_unsuspension,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "ends every session of the account",
                reversible="yes",  # nothing is lost: an account that may still sign in signs in again
                cuts_access=True,
                tokens_last=timedelta(0),
                regained_by_sign_in=True,
                ends=("sessions",),
            ),
            _end_sessions,
            _look_at_sessions,
        ),
        Act(
            Ability(
                "revoke_tokens",
                "change",
                "deletes the account's personal access tokens; programs that use them stop",
                cuts_access=True,
                tokens_last=timedelta(0),
                ends=("access_tokens",),
                destroys_nothing_because="a token has no data; programs that used it can get a new one",
            ),
            _delete_tokens,
            _look_at_tokens,
        ),
        Act(
            Ability(
                "demote_admin",
                "change",
                "removes administrator permissions",
                reversible="yes",
                cuts_access=True,
                tokens_last=timedelta(0),
                undone_by="promote_admin",
                taken_as="removed_permissions",
            ),
            _demote,
            _look_at_rights,
        ),
        Act(
            Ability(
                "promote_admin",
                "change",
                "gives the administrator permissions back that a run removed",
                reversible="yes",
                gives_access=True,
            ),
            _promote,
            _look_at_promotion,
        ),
        Act(
            Ability(
                "transfer_repositories",
                "change",
                "transfers the account's repositories to the account `to_account` (an ID) or the one with the "
                "address `to_email`",
                reversible="yes",  # the reply names what was transferred, and it can be transferred back
                hands_over=True,
            ),
            _transfer,
            _look_at_repositories,
        ),
    ),
)
