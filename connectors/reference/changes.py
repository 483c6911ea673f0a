"""Changes in the reference systems. Each carries the effect's key, by which tests count what an effect did."""

from __future__ import annotations

from typing import Any

from connectors.abilities import Effect
from connectors.http.flows import change
from connectors.http.requests import Answer, Flow, Operation
from connectors.parameters import account_of


def change_account(
    operation: Operation, effect: Effect, json: Any = None, *, header: str = "Effect-Key"
) -> Flow[Answer]:
    """Sends a change to the account of `effect`, with the effect's key in `header`. Raises
    `RefusedError("account_gone")` if the system does not have the account."""
    request = operation.request(
        account_of(effect).native_id, json=json, headers={header: effect.effect_key}, missing_ok=True
    )
    return (yield from change(request, effect))
