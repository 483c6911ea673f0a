"""${message}

Revision: ${up_revision}, after ${down_revision | comma,n}

Rules for locks (a migration runs while workers append):

- lock_timeout is 5 s. A statement that needs ACCESS EXCLUSIVE on ledger.events or ledger.head must be instant:
  add columns without a volatile default; add constraints NOT VALID and validate them in a later migration.
- Make indexes on big tables with CREATE INDEX CONCURRENTLY, in `with op.get_context().autocommit_block():`.
- Never rewrite ledger.events, and never change a row of it: stored bytes stay as they were hashed.
- No back-fill of more than some thousand rows in one statement.
- There is no way down. A mistake is mended by the next migration.
- New tables need grants for offboard_app; the application's role never gets UPDATE or DELETE on ledger.events.
"""

from __future__ import annotations

from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
