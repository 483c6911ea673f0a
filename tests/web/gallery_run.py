"""What the gallery shows: a run of the standard packet with a step in every state, and what stands around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.drawing.charts import Bar
from orchestrator.web.pages.page import NAVIGATION

NOW = datetime(2026, 11, 30, 17, 42, tzinfo=UTC)
CUTOFF = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
ZONE, PERSON_ZONE = "Europe/Berlin", "America/New_York"

STATES: dict[str, tuple[str, str | None]] = {
    "snapshot_identity": ("verified", None), "snapshot_directory": ("verified", None),
    "snapshot_code": ("verified", None), "snapshot_cards": ("verified", None), "record_leaving": ("verified", None),
    "hand_over_duties": ("planned", None), "hand_over_repositories": ("attested", None),
    "disable_identity": ("verified", None), "lock_directory": ("verified", None),
    "end_code_sessions": ("started", None), "remove_identity_groups": ("retrying", "another_attempt"),
    "demote_code_admin": ("planned", "predecessors"), "freeze_card": ("failed", "exception"),
    "suspend_code": ("planned", "predecessors"), "revoke_code_tokens": ("planned", "predecessors"),
    "remove_directory_groups": ("unknown", "task"), "scramble_directory_password": ("skipped", None),
    "rotate_shared_secrets": ("planned", None), "tell_line_manager": ("planned", "predecessors"),
    "forward_mail": ("planned", "fresh_look"), "release_mail_license": ("planned", "predecessors"),
    "final_pay": ("planned", "gate"), "close_card": ("planned", "gate"), "collect_equipment": ("planned", None),
    "collect_office_key": ("planned", "time"),
}  # fmt: skip


def run_steps() -> list[dict[str, Any]]:
    """Documents of the steps of the standard packet, in every state that there is."""
    shown = []
    for number, spec in enumerate(starter_packet("standard-leaver").workflow.steps):
        status, waits = STATES[spec.name]
        task = spec.task.role if spec.task is not None else None
        account = {
            "account_id": f"acc-{number}",
            "label": "ada.example",
            "active": number % 7 != 3,
            "privileged": spec.name == "demote_code_admin",
            "attributes": {},
        }
        shown.append(
            {
                "step_id": f"s-{number:020x}",
                "name": spec.name,
                "title": spec.title,
                "system": spec.system or None,
                "account": account if spec.system else None,
                "level": "read" if "snapshot" in spec.name else "change",
                "reversible": "no" if "close" in spec.name else "yes",
                "task_for": task,
                "gate": spec.gate,
                "needs": list(spec.needs),
                "due_at": CUTOFF if spec.at.anchor == "cutoff" else None,
                "status": status,
                "attempt": 1,
                "generation": 1,
                "waits_for": waits,
                "waits_until": NOW + timedelta(minutes=5) if waits == "another_attempt" else None,
                "code": {"failed": "system_failed", "unknown": "deadline_over"}.get(status),
                "changed_at": CUTOFF + timedelta(minutes=number) if status != "planned" else None,
                "evidence": None,
            }
        )
    return shown


def run_gates(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outcomes = {"access": "approved", "money": "open", "deletion": "rejected"}
    return [
        {
            "gate_id": f"g-{name}",
            "gate": name,
            "state": state,
            "roles": ["it_approver"],
            "quorum": 1,
            "decide_by": NOW + timedelta(hours=2, minutes=10),
            "valid_until": NOW + timedelta(days=7),
            "opened_at": CUTOFF - timedelta(days=1),
            "decided_at": CUTOFF if state != "open" else None,
            "escalated_to": [],
            "steps": [
                {
                    "step_id": s["step_id"],
                    "name": s["name"],
                    "title": s["title"],
                    "digest": "d" + s["step_id"],
                    "excluded": False,
                }
                for s in steps
                if s["gate"] == name
            ],
            "votes": [
                {
                    "by": "Grace Hopper",
                    "verdict": "approve" if state == "approved" else "reject",
                    "at": CUTOFF,
                    "reason": "Agreed with the line manager",
                }
            ]
            if state != "open"
            else [],
        }
        for name, state in outcomes.items()
    ]


def _clock(
    title: str, exposed: timedelta, executed: datetime | None, proof: str | None = None, **tokens: object
) -> dict[str, Any]:
    return {
        "title": title,
        "approved": CUTOFF - timedelta(days=2) if executed is not None else None,
        "executed": executed,
        "verified": CUTOFF + exposed if proof in ("verified", "attested") else None,
        "proof": proof,
        "exposed": exposed,
        "gone": proof in ("verified", "attested") and "tokens_until" not in tokens,
        "tokens_until": None,
        "tokens_unknown": False,
        "late": exposed > timedelta(hours=1),
        **tokens,
    }


def gallery_context() -> dict[str, Any]:
    steps = run_steps()
    packet = starter_packet("standard-leaver")
    minutes = [2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 6, 7, 7, 8, 9, 9, 11, 12, 14, 18, 22, 31, 44, 71]
    return {
        "page_title": "Gallery",
        "navigation": [(k, name, h, {"inbox": 3, "exceptions": 2}.get(k)) for k, name, h in NAVIGATION],
        "caller": SimpleNamespace(name="Ada Lovelace", roles=("it_approver", "operator"), zone=ZONE),
        "current": "runs",
        "installation_local": True,
        "csrf_token": "token",
        "form_place": "",
        "now": NOW,
        "zone": ZONE,
        "person_zone": PERSON_ZONE,
        "cutoff": CUTOFF,
        "known": CUTOFF - timedelta(days=9),
        "steps": steps,
        "flashes": [
            Flash(kind="done", text="Your decision was counted."),
            Flash(kind="refused", text="The gate was decided before you.", remedy="Look at the run."),
        ],
        "gates": run_gates(steps),
        "files": [
            {"name": name, "owner": owner, "text": packet.files[name].decode()[:2500]}
            for name, owner in (
                ("workflow.yaml", "Value owner"),
                ("platform.yaml", "Safety owner"),
                ("approvals.yaml", "Both owners"),
            )
        ],
        "systems": [
            _clock("Identity provider", timedelta(seconds=6), CUTOFF + timedelta(seconds=4), "verified"),
            _clock("Directory", timedelta(minutes=80), CUTOFF + timedelta(minutes=79), "attested"),
            _clock("Code hosting", timedelta(minutes=42), CUTOFF + timedelta(minutes=2)),
            _clock("Cloud", timedelta(minutes=20), CUTOFF + timedelta(minutes=2), "verified", tokens_until=NOW),
            _clock("Wiki", timedelta(minutes=20), CUTOFF + timedelta(minutes=2), "verified", tokens_unknown=True),
            _clock("Company cards", timedelta(minutes=150), None),
            _clock("Mail", timedelta(minutes=150), None, "unverifiable"),
        ],
        "level_rows": [
            ("requester", {"hr": "prepare", "identity": "read", "code": None, "cards": None}),
            ("it_approver", {"hr": "read", "identity": "change", "code": "change", "cards": "stage"}),
        ],
        "level_systems": [
            ("hr", "HR system"),
            ("identity", "Identity provider"),
            ("code", "Code hosting"),
            ("cards", "Company cards"),
        ],
        "durations": [m * 60.0 for m in minutes],
        "threshold": 3600.0,
        "spread": [30.0, 40, 55, 60, 60, 70, 90, 120, 400, 86_400 * 2],
        "causes": [Bar("Step failed", 7), Bar("Several possible account matches", 5), Bar("Task overdue", 2)],
        "exposed": [
            Bar("Ada Example, company cards", 9000, "2 h 30 min", late=True),
            Bar("Ada Example, code hosting", 2520, "42 min"),
        ],
        "months": [
            Bar(m, v)
            for m, v in (
                ("Jan", 310),
                ("Feb", 420),
                ("Mar", 0),
                ("Apr", 505),
                ("May", 610),
                ("Jun", 580),
                ("Jul", 390),
                ("Aug", 240),
                ("Sep", 710),
                ("Oct", 820),
                ("Nov", 655),
            )
        ],
        "vocabularies": {
            "run": (
                "searching",
                "awaiting_decision",
                "scheduled",
                "in_progress",
                "needs_attention",
                "held",
                "clean",
                "with_exceptions",
                "shadow",
                "ended",
            ),
            "step": (
                "planned",
                "started",
                "retrying",
                "failed",
                "unknown",
                "verified",
                "attested",
                "skipped",
                "withheld",
            ),
            "waits_for": (
                "predecessors",
                "time",
                "gate",
                "another_attempt",
                "hold",
                "fresh_look",
                "open_question",
                "task",
                "exception",
                "level",
                "plan",
            ),
            "gate": ("open", "approved", "rejected", "withdrawn"),
            "task": ("open", "done", "not_done", "withdrawn"),
            "exception_state": ("open", "waived", "closed"),
            "level": ("read", "prepare", "stage", "change"),
            "phase": ("draft", "shadow", "pilot", "production", "retired"),
            "timing": ("late", "soon"),
        },
    }
