"""One line for each type of event: its label, and the glyph and tone beside it, for the activity of a run and the
ledger's page. `tests/web/test_rendering.py` finds a type without a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from orchestrator.vocabulary.tones import Tone


class EventDisplay(NamedTuple):
    label: str
    glyph: str
    tone: Tone


EVENTS: Final[Mapping[str, EventDisplay]] = {
    "RunRequested": EventDisplay("Run requested", "flag", "active"),
    "AccountsSearched": EventDisplay("Accounts searched", "search", "quiet"),
    "MatchSettled": EventDisplay("Account match resolved", "signed", "quiet"),
    "MatchSettledBeforehand": EventDisplay("Account match resolved before the start", "signed", "quiet"),
    "PlanFrozen": EventDisplay("Plan created", "pen", "quiet"),
    "RunReplanned": EventDisplay("Re-plan requested", "pen", "warn"),
    "RunRescheduled": EventDisplay("Cutoff changed", "clock", "warn"),
    "LeavingChanged": EventDisplay("Leaving changed in HR", "clock", "warn"),
    "RunMadeUrgent": EventDisplay("Run made urgent", "triangle", "warn"),
    "RunHeld": EventDisplay("Run paused", "pause", "warn"),
    "RunReleased": EventDisplay("Run resumed", "play", "active"),
    "LegalHoldPlaced": EventDisplay("Legal hold placed", "pause", "warn"),
    "LegalHoldLifted": EventDisplay("Legal hold lifted", "play", "warn"),
    "RunEnded": EventDisplay("Run cancelled", "minus", "quiet"),
    "RunClosed": EventDisplay("Run completed", "check", "good"),
    "SystemsWatched": EventDisplay("Systems checked after the close", "search", "quiet"),
    "StepCompared": EventDisplay("Step compared with what people did", "search", "quiet"),
    "ChangeFound": EventDisplay("Change without a step found", "search", "warn"),
    "DifferenceJudged": EventDisplay("Difference judged", "signed", "quiet"),
    "WatchEnded": EventDisplay("Checks after the close ended", "minus", "quiet"),
    "RunReopened": EventDisplay("Run open again", "triangle", "warn"),
    "GateOpened": EventDisplay("Approval requested", "diamond", "active"),
    "GateVoted": EventDisplay("Decision recorded", "diamond", "quiet"),
    "VoteRefused": EventDisplay("Decision refused", "cross", "warn"),
    "DeciderNamed": EventDisplay("Decider named", "diamond", "warn"),
    "GateDecided": EventDisplay("Approval decided", "diamond_full", "quiet"),
    "GateEscalated": EventDisplay("Approval escalated", "diamond", "warn"),
    "GateWithdrawn": EventDisplay("Approval request withdrawn", "minus", "quiet"),
    "StepStarted": EventDisplay("Step started", "play", "quiet"),
    "StepVerified": EventDisplay("Step verified", "check", "good"),
    "StepAttested": EventDisplay("Step attested", "signed", "good"),
    "StepAttemptFailed": EventDisplay("Attempt failed, retrying", "again", "warn"),
    "StepFailed": EventDisplay("Step failed", "cross", "bad"),
    "StepRetryOrdered": EventDisplay("Step retry requested", "again", "active"),
    "ReplayRequested": EventDisplay("Replay requested", "again", "warn"),
    "StepDoneByHand": EventDisplay("Step reported as done by hand", "signed", "quiet"),
    "StepReadBack": EventDisplay("Step read again", "search", "quiet"),
    "WorkflowCompared": EventDisplay("Workflow compared with the ledger", "search", "quiet"),
    "WorkflowRestarted": EventDisplay("Workflow started again", "again", "warn"),
    "ReadBackRequested": EventDisplay("Steps to be read again for a comparison", "search", "quiet"),
    "StepSkipped": EventDisplay("Step skipped", "minus", "quiet"),
    "TaskOpened": EventDisplay("Task opened", "square", "active"),
    "TaskCompleted": EventDisplay("Task completed", "signed", "good"),
    "TaskWithdrawn": EventDisplay("Task withdrawn", "minus", "quiet"),
    "ExceptionOpened": EventDisplay("Exception opened", "triangle", "bad"),
    "ExceptionClosed": EventDisplay("Exception closed", "check", "quiet"),
    "ExceptionAssigned": EventDisplay("Exception assigned", "pen", "quiet"),
    "ExceptionSnoozed": EventDisplay("Exception snoozed", "clock", "quiet"),
    "ExceptionCommented": EventDisplay("Comment on an exception", "pen", "quiet"),
    "ExceptionWaived": EventDisplay("Exception waived until a date", "clock", "warn"),
    "ExceptionReopened": EventDisplay("Waiver ended, exception open again", "triangle", "bad"),
    "RunOpened": EventDisplay("Run linked to this person", "flag", "quiet"),
    "ErasureRequested": EventDisplay("Erasure of a person requested", "minus", "warn"),
    "PersonalDataErased": EventDisplay("Personal data of a person erased", "minus", "warn"),
    "MasterKeyReplacementStarted": EventDisplay("Replacement of the master key started", "again", "warn"),
    "MasterKeyReplaced": EventDisplay("Master key replaced", "check", "good"),
    "HoldPlaced": EventDisplay("Changes paused on a system", "pause", "warn"),
    "HoldReleased": EventDisplay("Changes resumed on a system", "play", "quiet"),
    "ActorRecorded": EventDisplay("Signed in", "dot", "quiet"),
    "RolesRevoked": EventDisplay("Roles revoked", "minus", "warn"),
    "EmbargoChanged": EventDisplay("Embargo changed", "eye", "warn"),
    "SecondRequestReceived": EventDisplay("Duplicate request received", "flag", "warn"),
    "DecisionsDelegated": EventDisplay("Delegation created", "pen", "active"),
    "DelegationEnded": EventDisplay("Delegation ended", "minus", "quiet"),
    "TokenMade": EventDisplay("API token created", "pen", "warn"),
    "TokenRevoked": EventDisplay("API token revoked", "minus", "warn"),
    "ServiceOwnersChanged": EventDisplay("Owners of a service changed", "pen", "warn"),
    "SessionsEnded": EventDisplay("Sessions ended", "minus", "warn"),
    "WebhookAdded": EventDisplay("Webhook added", "pen", "warn"),
    "WebhookSecretReplaced": EventDisplay("Webhook secret replaced", "again", "warn"),
    "WebhookDisabled": EventDisplay("Webhook disabled", "minus", "warn"),
    "StartCounted": EventDisplay("Start counted", "flag", "quiet"),
    "StartsTripped": EventDisplay("Limit on starts reached", "triangle", "bad"),
    "StartHeld": EventDisplay("Start held", "pause", "warn"),
    "StartConfirmed": EventDisplay("Held start confirmed by a second person", "signed", "active"),
    "StartsReleaseApproved": EventDisplay("Release of starts approved", "signed", "quiet"),
    "StartsReleased": EventDisplay("Starts released by two people", "play", "active"),
    "PacketAdopted": EventDisplay("Packet version adopted", "pen", "quiet"),
    "PacketSigned": EventDisplay("Packet signed by an owner", "signed", "quiet"),
    "PacketMoved": EventDisplay("Packet phase changed", "flag", "active"),
}
