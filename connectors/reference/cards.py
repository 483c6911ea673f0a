"""Company cards. The card programme recognises a repeated `Idempotency-Key` for 24 hours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field

from connectors.abilities import Ability, Account, Effect, Lookup, Reachability, ReadBack, Reply
from connectors.account_set import AccountSet, equals_ignoring_case
from connectors.http.client import Call, Fields, HttpSettings, JsonHttp
from connectors.parameters import account_gone, account_of, unknown_ability, unknown_attribute

_ATTRIBUTES = ("id", "employee_number", "email")
_KEYED_FOR = timedelta(hours=24)

ABILITIES: Mapping[str, Ability] = {
    ability.name: ability
    for ability in (
        Ability("snapshot_access", "read", "records the card's state and balance", reversible="yes"),
        Ability(
            "freeze_card",
            "change",
            "freezes the card, so that it pays nothing until it is thawed",
            repeat="keyed",
            keyed_for=_KEYED_FOR,
            reversible="yes",
            cuts_access=True,
        ),
        Ability(
            "close_card",
            "change",
            "closes the card for good; each closing may cost a fee",
            repeat="keyed",
            keyed_for=_KEYED_FOR,
        ),
    )
}


class CardsSettings(HttpSettings):
    """How to reach the card programme."""


class _Card(Fields):
    id: str = Field(min_length=1)
    holder_email: str | None = None
    employee_number: str | None = None
    last4: str
    state: Literal["active", "frozen", "closed"]
    balance_cents: int

    def shown(self, attribute: str) -> str | None:
        return {"id": self.id, "employee_number": self.employee_number, "email": self.holder_email}[attribute]

    def as_account(self) -> Account:
        shown = {"employee_number": self.employee_number, "email": self.holder_email}
        attributes = {name: value for name, value in shown.items() if value is not None}
        return Account(self.id, f"card ending in {self.last4}", attributes, self.state == "active")


class _Cards(Fields):
    cards: list[_Card]


class CardsConnector:
    """See `connectors.abilities.Connector`; lookups take `id`, `employee_number` and `email` (the holder's)."""

    kind = "cards"
    abilities = ABILITIES

    def __init__(self, settings: CardsSettings, *, allowed_hosts: Collection[str]) -> None:
        self._http = JsonHttp(settings, allowed_hosts=allowed_hosts)

    def __repr__(self) -> str:
        return f"CardsConnector({self._http!r})"

    async def find_accounts(self, lookups: Sequence[Lookup], *, deadline: float = 30.0) -> Sequence[Account]:
        call = self._http.call(deadline)
        found = AccountSet()
        for lookup in lookups:
            if lookup.attribute not in _ATTRIBUTES:
                raise unknown_attribute("cards", lookup.attribute, _ATTRIBUTES)
            for card in await self._search(call, lookup):
                found.add(card.as_account(), lookup.attribute, card.shown(lookup.attribute) or "")
        return found.accounts()

    async def attempt(self, effect: Effect) -> Reply:
        if effect.ability not in ABILITIES:
            raise unknown_ability("cards", effect.ability)
        card_id = account_of(effect).native_id
        if effect.ability == "snapshot_access":
            return Reply()  # it looks only when it is read back
        act = "freeze" if effect.ability == "freeze_card" else "close"
        call = self._http.call(effect.deadline)
        answer = await call.send(
            "POST", "cards", card_id, act, headers={"Idempotency-Key": effect.effect_key}, missing_ok=True
        )
        if answer.status == 404:
            raise account_gone(effect)
        return Reply({"state": call.parse(answer, _Card).state})

    async def read_back(self, effect: Effect) -> ReadBack:
        if effect.ability not in ABILITIES:
            raise unknown_ability("cards", effect.ability)
        card_id = account_of(effect).native_id
        card = await self._card(self._http.call(effect.deadline), card_id)
        if card is None:
            return ReadBack("unknown", {"present": False})
        evidence = {"id": card.id, "last4": card.last4, "state": card.state, "balance_cents": card.balance_cents}
        # A closed card pays as little as a frozen one, so closing it answers for freezing it too.
        enough = {"freeze_card": {"frozen", "closed"}, "close_card": {"closed"}}.get(effect.ability, {card.state})
        return ReadBack("done" if card.state in enough else "not_done", evidence)

    async def check(self, *, deadline: float = 10.0) -> Reachability:
        return await self._http.check("cards", "0", deadline=deadline, missing_ok=True)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _search(self, call: Call, lookup: Lookup) -> list[_Card]:
        if not lookup.value.strip():
            return []
        if lookup.attribute == "id":
            card = await self._card(call, lookup.value)
            return [card] if card is not None and card.id == lookup.value else []
        answer = await call.send("GET", "cards", params={lookup.attribute: lookup.value})
        cards = call.parse(answer, _Cards).cards
        return [card for card in cards if equals_ignoring_case(card.shown(lookup.attribute), lookup.value)]

    async def _card(self, call: Call, card_id: str) -> _Card | None:
        answer = await call.send("GET", "cards", card_id, missing_ok=True)
        return None if answer.status == 404 else call.parse(answer, _Card)
