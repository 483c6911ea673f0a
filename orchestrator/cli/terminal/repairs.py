"""The commands to type for an open exception, from the repairs and actions that the server names for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

COMMANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "settle": "offboard exceptions settle RUN SYSTEM ACCOUNT… (or --none)",
        "complete_task": "offboard tasks complete RUN STEP --evidence …",
        "retry": "offboard retry RUN STEP",
        "retry_anew": "offboard retry RUN STEP --again",
        "do_by_hand": "offboard exceptions done RUN STEP --evidence …",
        "skip": "offboard skip RUN STEP --reason …",
        "replan": "offboard exceptions replan RUN",
        "replan_under_version": "offboard exceptions replan RUN --new-version",
        "accept": "offboard exceptions accept RUN EXCEPTION --reason …",
        "waive": "offboard exceptions waive RUN EXCEPTION --until TIME --reason …",
        "name_decider": "offboard exceptions assign RUN EXCEPTION ACCOUNT --reason …",
        "end": "offboard end RUN --reason …",
        "release_starts": "offboard starts",
        "assign": "offboard exceptions owner RUN EXCEPTION NAME (or --none)",
        "snooze": "offboard exceptions snooze RUN EXCEPTION --until TIME (or --none)",
        "comment": "offboard exceptions comment RUN EXCEPTION TEXT",
    }
)


def commands_for(run_id: str, exception: Mapping[str, Any]) -> list[str]:
    """One for each repair of an exception's document. A repair that a newer server knows is left out."""
    meant = {
        "RUN": run_id,
        "STEP": exception["step"],
        "SYSTEM": exception["system"],
        "EXCEPTION": exception["exception_id"],
    }
    commands = [COMMANDS[repair] for repair in exception.get("repairs", ()) if repair in COMMANDS]
    return [" ".join(meant.get(word) or word for word in command.split(" ")) for command in commands]


def action_commands(run_id: str, exception: Mapping[str, Any], action: Mapping[str, Any]) -> list[str]:
    """Of an action of an exception's card. Empty for one that only a newer server knows."""
    if action["action"] == "skip_all":
        return [
            command for step in action["steps"] for command in commands_for(run_id, _about(exception, step, "skip"))
        ]
    commands = commands_for(run_id, _about(exception, exception["step"], action["action"]))
    if action["accounts"]:
        return [command.replace("ACCOUNT", account) for command in commands for account in action["accounts"]]
    return commands


def _about(exception: Mapping[str, Any], step: str | None, repair: str) -> Mapping[str, Any]:
    return {**exception, "step": step, "repairs": [repair]}
