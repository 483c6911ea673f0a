"""What an account can do, from the snapshot that a run takes of it: groups and roles with those that are privileged
(the packet names them, or the snapshot marks them), amounts, and how much of other things it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from orchestrator.documents.document import Document
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState

MAX_VALUES: Final = 20
_CENTS: Final = "_cents"
_NAMES: Final = ("name", "display", "value", "title", "type")


def access_of(state: RunState, pinned: Packet, steps: Iterable[PlannedStep]) -> list[Document]:
    """For each account that these steps are about and that a snapshot exists of, in the order of the steps."""
    accounts = dict.fromkeys((step.system, step.account_id) for step in steps if step.account_id)
    recorded = {
        step_id: recorded
        for step_id, step in state.plan.steps.items()
        if step.level is Level.READ
        and (recorded := state.work.steps[step_id].recorded)
        and (step.system, step.account_id) in accounts
    }
    order = list(accounts)
    found = access_in(state, pinned, recorded)
    return sorted(found, key=lambda one: order.index((one["system"], one["account_id"])))


def access_in(state: RunState, pinned: Packet, recorded: Mapping[str, Mapping[str, Any]]) -> list[Document]:
    """For each step that has a snapshot, in the order of the plan. `recorded` are the snapshots by step."""
    found = []
    for step_id, step in state.plan.steps.items():
        if step_id in recorded:
            details = state.accounts.details.get(step.account_id or "") or {}
            found.append(
                {
                    "system": step.system,
                    "account_id": step.account_id,
                    "label": details.get("label") or None,
                    "facts": _facts(recorded[step_id], _privileged(pinned, step.system)),
                }
            )
    return found


def _facts(recorded: Mapping[str, Any], privileged: frozenset[str]) -> list[Document]:
    facts = []
    for name, value in recorded.items():
        match value:
            case True if name == "admin":
                facts.append(_fact(name, privileged=True))
            case int() if name.endswith(_CENTS) and not isinstance(value, bool):
                facts.append(_fact(name.removesuffix(_CENTS), amount=f"{Decimal(value) / 100:.2f}"))
            case list() if value:
                named = [text for one in value if (text := _name(one))]
                by_system = {_name(one) for one in value if isinstance(one, dict) and one.get("privileged") is True}
                marked = [text for text in named if text.casefold() in privileged or text in by_system]
                shown = [*marked, *(text for text in named if text not in marked)][:MAX_VALUES]
                facts.append(_fact(name, shown, len(value), marked, privileged=bool(marked)))
            case dict() if value and all(type(one) is int for one in value.values()):
                facts.append(
                    _fact(
                        name, [f"{place}: {count}" for place, count in value.items()][:MAX_VALUES], sum(value.values())
                    )
                )
    return sorted(facts, key=lambda fact: (not fact["privileged"], fact["amount"] is None))


def _fact(
    name: str,
    values: list[str] | None = None,
    count: int | None = None,
    privileged_values: list[str] | None = None,
    *,
    amount: str | None = None,
    privileged: bool = False,
) -> Document:
    return {
        "name": name,
        "values": values or [],
        "count": count,
        "amount": amount,
        "privileged": privileged,
        "privileged_values": privileged_values or [],
    }


def _name(one: Any) -> str:
    if isinstance(one, str):
        return one
    if isinstance(one, dict):
        return next((one[name] for name in _NAMES if isinstance(one.get(name), str) and one[name]), "")
    return ""


def _privileged(pinned: Packet, system: str) -> frozenset[str]:
    """The names of groups and roles that the packet's platform file calls privileged on this system, without case."""
    spec = pinned.platform.systems.get(system)
    named = spec.connection.get("privileged", "") if spec is not None else ""
    return frozenset(name.strip().casefold() for name in named.split(",") if name.strip())
