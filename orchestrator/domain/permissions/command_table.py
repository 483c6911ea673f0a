"""One table of all commands that change something, and one function that checks what the table says.

Every command of the domain begins with `require`, so that a rule about accounts holds for pages, API, command line and
programs alike. What depends on the run, the packet or the account's roles is checked by the command itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import Actor, ActorKind, Level, limited
from orchestrator.domain.refusal_codes import RefusalCode

CommandName = Literal[
    "accept_exception", "add_webhook", "adopt_packet", "approve_gate", "assign_exception", "bring_forward_run",
    "cancel_batch", "change_service_owners",
    "check_systems", "comment_on_exception", "compare_ledger", "complete_task", "confirm_batch", "confirm_start",
    "delegate",
    "disable_webhook", "do_step_by_hand", "end_delegation", "end_run",
    "end_sessions", "erase_person",
    "hold_batch", "hold_run", "hold_system", "judge_difference",
    "lift_legal_hold", "list_accounts", "list_sessions", "list_tokens", "list_webhooks",
    "make_run_urgent", "make_token",
    "move_packet", "name_decider", "object_to_packet",
    "place_legal_hold", "postpone_run", "propose_batch", "reject_gate", "release_run", "release_starts",
    "release_system",
    "replace_webhook_secret", "replan_run", "replay_run", "restore_access", "resume_assistant", "resume_batch",
    "retry_step",
     "revoke_any_token", "revoke_roles",
    "revoke_token",
    "set_embargo", "settle_match", "sign_packet", "skip_step", "snooze_exception", "start_batch", "start_run",
    "stop_assistant",
    "verify_ledger",
    "waive_exception", "withdraw_objection",
]  # fmt: skip

PEOPLE: Final[frozenset[ActorKind]] = frozenset({"person"})
NO_ASSISTANTS: Final[frozenset[ActorKind]] = frozenset({"person", "service"})
EVERYONE: Final[frozenset[ActorKind]] = frozenset({"person", "service", "assistant"})


@dataclass(frozen=True, slots=True)
class CommandRule:
    """`act` completes the sentence "Only people can ...".

    `level`: the least maximum permission of the access, an API token's for example.
    `kinds`: the types of account that can use the command, whatever their roles and grants.
    `known_to_hr`: whether a person needs a record in HR.
    `keeps_access`: whether the command can delay, leave out or hide the removal of access; only people can use these.
    `draft`: whether its result changes nothing until other people have signed it.
    `refused_with`: the code of the refusal of another type of account; `unknown_with`: of a person unknown to HR."""

    act: str
    level: Level = Level.PREPARE
    kinds: frozenset[ActorKind] = PEOPLE
    known_to_hr: bool = True
    keeps_access: bool = False
    draft: bool = False
    refused_with: RefusalCode = "only_people"
    unknown_with: RefusalCode = "unknown_to_hr"


COMMANDS: Final[Mapping[CommandName, CommandRule]] = MappingProxyType({
    # HR
    "start_run": CommandRule("start a run", kinds=NO_ASSISTANTS),
    "propose_batch": CommandRule("propose a batch", kinds=NO_ASSISTANTS),
    "start_batch": CommandRule("start a batch", kinds=NO_ASSISTANTS),
    "hold_batch": CommandRule("pause a batch", keeps_access=True),
    "resume_batch": CommandRule("resume a batch"),
    "cancel_batch": CommandRule("cancel a batch", keeps_access=True),
    "postpone_run": CommandRule("move a cutoff to a later time", keeps_access=True),
    "bring_forward_run": CommandRule("move a cutoff to an earlier time"),
    "make_run_urgent": CommandRule("make a run urgent"),
    "end_run": CommandRule("cancel a run", keeps_access=True),
    "restore_access": CommandRule("restore access", keeps_access=True),
    "place_legal_hold": CommandRule("place a legal hold"),
    "lift_legal_hold": CommandRule("lift a legal hold"),
    "erase_person": CommandRule("erase a person"),
    "set_embargo": CommandRule("change an embargo", keeps_access=True),
    # Approvers
    "approve_gate": CommandRule("decide at a gate", refused_with="only_people_decide"),
    "reject_gate": CommandRule("decide at a gate", keeps_access=True, refused_with="only_people_decide"),
    "delegate": CommandRule(
        "delegate decisions", refused_with="only_people_delegate", unknown_with="only_people_delegate"
    ),
    "end_delegation": CommandRule("end a delegation"),
    "name_decider": CommandRule("name who decides at a gate or reviews a run"),
    # Operators
    "retry_step": CommandRule("retry a step", kinds=NO_ASSISTANTS),
    "skip_step": CommandRule("skip a step", keeps_access=True),
    "do_step_by_hand": CommandRule("report a step as done by hand", keeps_access=True),
    "settle_match": CommandRule("confirm an account match", keeps_access=True),
    "replan_run": CommandRule("plan a run again", kinds=NO_ASSISTANTS),
    "replay_run": CommandRule("replay a run", kinds=NO_ASSISTANTS),
    "accept_exception": CommandRule("accept an exception"),
    "waive_exception": CommandRule("waive an exception", keeps_access=True),
    "assign_exception": CommandRule("assign an exception"),
    "snooze_exception": CommandRule("snooze an exception", keeps_access=True),
    "comment_on_exception": CommandRule("comment on an exception"),
    "complete_task": CommandRule("complete a task"),
    "hold_run": CommandRule("pause a run", keeps_access=True),
    "release_run": CommandRule("resume a run"),
    "hold_system": CommandRule("pause changes on a system", keeps_access=True),
    "release_system": CommandRule("resume changes on a system"),
    "confirm_start": CommandRule("confirm a held start"),
    "confirm_batch": CommandRule("confirm a batch"),
    "release_starts": CommandRule("release a limit on starts"),
    "check_systems": CommandRule("check systems", kinds=EVERYONE),
    "compare_ledger": CommandRule("compare the ledger with Temporal and systems"),
    "judge_difference": CommandRule("judge differences of a dry run", keeps_access=True),
    # Owners of packets
    "adopt_packet": CommandRule(
        "adopt a packet", draft=True, refused_with="only_people_govern", unknown_with="only_people_govern"
    ),
    "sign_packet": CommandRule(
        "sign a packet", refused_with="only_people_govern", unknown_with="only_people_govern"
    ),
    "move_packet": CommandRule(
        "move a packet", keeps_access=True, refused_with="only_people_govern", unknown_with="only_people_govern"
    ),
    "object_to_packet": CommandRule(
        "object to a packet version", keeps_access=True, refused_with="only_people_govern",
        unknown_with="only_people_govern",
    ),
    "withdraw_objection": CommandRule(
        "withdraw an objection", refused_with="only_people_govern", unknown_with="only_people_govern"
    ),
    "revoke_roles": CommandRule("revoke roles", keeps_access=True),
    "make_token": CommandRule("create an API token"),
    "change_service_owners": CommandRule("change who answers for a service"),
    "stop_assistant": CommandRule("stop an assistant"),
    "resume_assistant": CommandRule("resume an assistant"),
    # Signing out revokes the terminal's own token, which must not depend on HR's records.
    "revoke_token": CommandRule("revoke an API token", kinds=EVERYONE, known_to_hr=False),
    "revoke_any_token": CommandRule("revoke an API token that others created", keeps_access=True),
    "end_sessions": CommandRule("end sessions of others", keeps_access=True),
    "add_webhook": CommandRule("add a webhook"),
    "disable_webhook": CommandRule("disable a webhook"),
    "replace_webhook_secret": CommandRule("replace a webhook's secret"),
    # Readers
    "list_accounts": CommandRule("list the accounts of a system", level=Level.READ),
    "list_tokens": CommandRule("list API tokens that others created", level=Level.READ, known_to_hr=False),
    "list_sessions": CommandRule("list sessions", level=Level.READ, known_to_hr=False),
    "list_webhooks": CommandRule("list webhooks", level=Level.READ, known_to_hr=False),
    "verify_ledger": CommandRule("verify the ledger", level=Level.READ, kinds=EVERYONE, known_to_hr=False),
})  # fmt: skip


def require(command: CommandName, actor: Actor, leaver: str | None = None) -> None:
    """Raises `NotAllowed` where the table refuses this account: its access is narrower than the command needs
    (`access_limited`), it is of another type (the rule's code), HR has no record of the person (`unknown_to_hr`), or
    the run is about the person (`own_run`). `leaver` is the opaque id of the person whom the run is about."""
    refused = refusal(command, actor)
    if refused is None and leaver is not None:
        refused = own_run(actor, leaver) if command != "start_run" else _own_start(actor, leaver)
    if refused is not None:
        raise refused


def refusal(command: CommandName, actor: Actor) -> NotAllowed | None:
    """What the table refuses whatever the run, as an error to raise; None where it refuses nothing."""
    rule = COMMANDS[command]
    if not actor.reaches(rule.level):
        return limited(actor, rule.level)
    if actor.kind not in rule.kinds:
        who = "people and services" if "service" in rule.kinds else "people"
        return NotAllowed(rule.refused_with, f"Only {who} can {rule.act}; this account's type is {actor.kind}.")
    if rule.known_to_hr and actor.kind == "person" and actor.human is None:
        return NotAllowed(
            rule.unknown_with,
            "This account is not linked to a person in HR, so conflicts of interest can't be checked.",
        )
    return None


def own_run(actor: Actor, person_id: str) -> NotAllowed | None:
    """The refusal of an actor who acts on their own leaving, or of a program that the leaver created or answers for;
    None for all other actors."""
    if person_id not in actor.people:
        return None
    if actor.human is None:
        return NotAllowed(
            "own_run",
            "A program can't act on the offboarding of the person who created its token, or who answers for it.",
        )
    return NotAllowed("own_run", "You can't act on your own offboarding.")


def _own_start(actor: Actor, person_id: str) -> NotAllowed | None:
    """As `own_run`, for a start: HR's system reports also the person who once created its token, if another person
    answers for it now."""
    return own_run(actor, person_id) if actor.answers_for == person_id else None
