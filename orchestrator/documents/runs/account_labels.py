"""An account as documents of a run show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.documents.document import Document


def account_shown(account_id: str, details: Mapping[str, Any] | None) -> Document:
    """`details` is what the system shows of it: None if that is not known, or was erased."""
    known = details or {}
    return {
        "account_id": account_id,
        "label": known.get("label") or None,
        "active": known.get("active"),
        "privileged": known.get("privileged"),
        "attributes": known.get("attributes") or {},
    }
