"""What PostgreSQL's errors mean (appendix A of its documentation: SQLSTATE codes)."""

from __future__ import annotations

import psycopg

from connectors.errors import ActionRequiredError, ConnectorError, Happened, RefusedError, TryAgainError
from connectors.network.hosts import Redaction

ROLLED_BACK = frozenset({"25P03", "25P04"})
"""The server ended the session, since its transaction had lasted, or had been idle, for too long."""
_LATER = ("too many", "connection slots", "starting up", "shutting down", "recovery", "not yet accepting")
_RIGHTS = "Grant the role in the setting user the rights that docs/connectors/postgresql.md lists for this ability."


def cannot_connect(error: psycopg.Error, place: str, database: str, redact: Redaction) -> ConnectorError:
    """libpq gives no SQLSTATE for a connection that was refused, only the text. A failure that concerns this database
    only is `rights_missing`."""
    said = redact(str(error))
    text = said.lower()
    if "certificate" in text or ("ssl" in text and "fatal" not in text):
        return ActionRequiredError(
            "certificate_refused",
            said,
            remedy="Use a certificate for the name in host that ca_file has signed, and enable TLS on the server.",
            happened="no",
        )
    if "fatal" not in text or any(each in text for each in _LATER):
        return TryAgainError(
            "system_failed" if "fatal" in text else "unreachable",
            said,
            remedy=f"Check that PostgreSQL accepts connections at {place} from this worker.",
            happened="no",
        )
    if f'database "{database}"'.lower() in text and "pg_hba" not in text:
        return ActionRequiredError(
            "rights_missing",
            said,
            remedy=f"Grant the role in the setting user CONNECT on the database {database}, and let the database "
            "accept connections; or correct the setting database.",
            happened="no",
        )
    return ActionRequiredError(
        "credential_refused",
        said,
        remedy="Renew the password in the settings; or let the role sign in from this worker in pg_hba.conf.",
        happened="no",
    )


def refused(error: psycopg.Error, happened: Happened, redact: Redaction) -> ConnectorError:
    """For a statement. `happened` says whether an earlier one changed something, or this one may have."""
    diag = error.diag
    parts = [diag.message_primary or str(error), diag.message_detail, diag.message_hint]
    said, state = redact(" ".join(part for part in parts if part)), error.sqlstate
    match state:
        case None:
            return TryAgainError("connection_lost", said, happened="unknown")
        case "42501":
            return ActionRequiredError("rights_missing", said, remedy=_RIGHTS, happened=happened)
        case "57014" | "25P03" | "25P04":
            return TryAgainError("deadline_over", said, remedy="Raise the deadline of the system.", happened=happened)
        case "55P03":
            remedy = "Another session holds a lock. Retry; if it persists, end the session that holds it."
            return TryAgainError("system_failed", said, remedy=remedy, happened=happened)
        case "25006":
            remedy = "Set host to the primary server: a standby can be read only."
            return ActionRequiredError("redirected", said, remedy=remedy, happened=happened)
        case "42704" | "XX000" | "40001" | "40P01":  # removed, or updated at the same time
            return TryAgainError("changed_meanwhile", said, happened=happened)
    if state[:2] in ("08", "53", "57", "58"):
        return TryAgainError("system_failed", said, happened="unknown" if state.startswith(("08", "57P")) else happened)
    return RefusedError("refused", said, remedy="Correct what the server names, then retry.", happened=happened)
