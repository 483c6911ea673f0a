"""Company cards. The card programme recognises a repeated `Idempotency-Key` for 24 hours.

Only the embedded company speaks this interface: the demo and tests use it in place of a real card programme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, ReadBack
from connectors.acts import Act, ActTable
from connectors.errors import RefusedError
from connectors.http.connector import SAMPLE_SIZE, HttpKind, TokenSettings, answers, bearer, find_by, first_page
from connectors.http.flows import Fields, all_pages, ask_if_present, parse, require_account
from connectors.http.pages import Cursor
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, seen
from connectors.reference.changes import change_account

_KEY_TTL = timedelta(hours=24)
_PAGES = Cursor(items_at=("cards",), next_at=("next",), parameter="cursor")

LIST_CARDS = Operation("GET", "/cards")
GET_CARD = Operation("GET", "/cards/{id}")
FREEZE_CARD = Operation("POST", "/cards/{id}/freeze")
UNFREEZE_CARD = Operation("POST", "/cards/{id}/unfreeze")
CLOSE_CARD = Operation("POST", "/cards/{id}/close")


class CardsSettings(TokenSettings):
    """How to reach the card programme."""


class _Card(Fields):
    id: str = Field(min_length=1)
    holder_email: str | None = None
    employee_number: str | None = None
    last4: str
    state: Literal["active", "frozen", "closed"]
    balance_cents: int

    def as_account(self) -> Account:
        shown = {"employee_number": self.employee_number, "email": self.holder_email}
        attributes = {name: value for name, value in shown.items() if value is not None}
        return Account(self.id, f"card ending in {self.last4}", attributes, self.state == "active")

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "last4": self.last4, "state": self.state, "balance_cents": self.balance_cents}


def _by_id(settings: CardsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    card = yield from ask_if_present(GET_CARD.request(lookup.value, missing_ok=True), _Card)
    return [card.as_account()] if card is not None else []


def _by_search(settings: CardsSettings, lookup: Lookup) -> Flow[Sequence[Account]]:
    request = LIST_CARDS.request(params={lookup.attribute: lookup.value})
    return [parse(item, _Card).as_account() for item in (yield from all_pages(request, _PAGES))]


def _freeze(settings: CardsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return (yield from _set_state(FREEZE_CARD, effect))


def _unfreeze(settings: CardsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return (yield from _set_state(UNFREEZE_CARD, effect))


def _close(settings: CardsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    return (yield from _set_state(CLOSE_CARD, effect))


def _set_state(operation: Operation, effect: Effect) -> Flow[Mapping[str, Any]]:
    try:
        answer = yield from change_account(operation, effect, header="Idempotency-Key")
    except RefusedError as error:
        card = yield from _card(effect)
        if error.code != "refused" or card is None or not _is_done(card, effect):
            raise
        return {"state": card.state, "already": True}
    return {"state": parse(answer.body, _Card).state}


def _card(effect: Effect) -> Flow[_Card | None]:
    card = yield from ask_if_present(GET_CARD.request(account_of(effect).native_id, missing_ok=True), _Card)
    if card is not None:
        require_account(card.id, effect)
    return card


def _is_done(card: _Card, effect: Effect) -> bool:
    """Neither a frozen nor a closed card can pay, so a closed card counts as frozen."""
    states = {"freeze_card": {"frozen", "closed"}, "unfreeze_card": {"active"}, "close_card": {"closed"}}
    return card.state in states.get(effect.ability, {card.state})


def _look(settings: CardsSettings, effect: Effect) -> Flow[ReadBack]:
    card = yield from _card(effect)
    return account_missing() if card is None else seen(_is_done(card, effect), card.evidence())


CARDS = HttpKind(
    "cards",
    CardsSettings,
    system_class="finance",
    auth=bearer,
    prepare=lambda settings: settings,
    find=find_by(
        "cards",
        {"id": _by_id, "employee_number": _by_search, "email": _by_search},
        sample=first_page(
            LIST_CARDS.request(params={"limit": SAMPLE_SIZE}), _PAGES, lambda item: parse(item, _Card).as_account()
        ),
    ),
    check=answers(GET_CARD.request("0")),
    acts=ActTable(
        "cards",
        Act(Ability("snapshot_access", "read", "records the card's state and balance", reversible="yes"), look=_look),
        Act(
            Ability(
                "freeze_card",
                "change",
                "freezes the card, so that no payment is possible until it is unfrozen",
                repeat="keyed",
                keyed_for=_KEY_TTL,
                reversible="yes",
                cuts_access=True,
                tokens_last=timedelta(0),
                undone_by="unfreeze_card",
            ),
            _freeze,
            _look,
        ),
        Act(
            Ability(
                "unfreeze_card",
                "change",
                "unfreezes a frozen card",
                repeat="keyed",
                keyed_for=_KEY_TTL,
                reversible="yes",
                gives_access=True,
            ),
            _unfreeze,
            _look,
        ),
        Act(
            Ability(
                "close_card",
                "change",
                "closes the card permanently; each closing may cost a fee",
                repeat="keyed",
                keyed_for=_KEY_TTL,
                destroys_nothing_because="the card programme keeps the balance and the statements of a closed card",
                ends_account=True,
                tokens_last=timedelta(0),
            ),
            _close,
            _look,
        ),
    ),
)
