"""What happened, one label for each type of event, for timelines and the ledger's pages."""

from __future__ import annotations

from collections.abc import Mapping

EVENT: Mapping[str, str] = {
    "RunRequested": "Run requested",
    "AccountsSearched": "Accounts looked for",
    "MatchSettled": "Settled whose account it is",
    "PlanFrozen": "Plan frozen",
    "RunReplanned": "New plan asked for",
    "RunRescheduled": "Cutoff moved",
    "RunHeld": "Run put on hold",
    "RunReleased": "Run goes on",
    "RunEnded": "Run ended by a person",
    "RunClosed": "Run closed",
    "GateOpened": "Gate opened",
    "GateVoted": "Decision given",
    "GateDecided": "Gate decided",
    "GateEscalated": "Decision passed on to others as well",
    "GateWithdrawn": "Gate withdrawn",
    "StepStarted": "Step begun",
    "StepVerified": "Step verified",
    "StepAttested": "Step attested",
    "StepAttemptFailed": "Attempt failed, to be tried again",
    "StepFailed": "Step failed",
    "StepRetryOrdered": "Step ordered once more",
    "StepSkipped": "Step left out",
    "TaskOpened": "Task given",
    "TaskCompleted": "Task answered",
    "TaskWithdrawn": "Task withdrawn",
    "ExceptionOpened": "Exception opened",
    "ExceptionClosed": "Exception closed",
    "RunOpened": "Run opened for this person",
    "HoldPlaced": "Hold placed on a system",
    "HoldReleased": "Hold released",
    "ActorRecorded": "Signed in",
    "RolesRevoked": "Roles taken away",
    "PacketAdopted": "Packet version adopted",
    "PacketSigned": "Packet signed by an owner",
    "PacketMoved": "Packet moved to another phase",
}
