"""Which runs are dry runs: their packet version was in phase `shadow` at the start. It is read from each run's first
event, of which this field is not encrypted.

Revision: 0014, after 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMN = """
ALTER TABLE read.runs ADD COLUMN shadow boolean NOT NULL DEFAULT false;
"""
# Stored events have their public fields as JSON without white space. A quotation mark inside a text is escaped there,
# so that no other field contains these bytes.
FILLED = """
UPDATE read.runs known SET shadow = true
FROM ledger.events happened
WHERE happened.stream = 'run:' || known.run_id AND happened.version = 1
AND happened.event_type = 'RunRequested' AND position('"phase":"shadow"'::bytea IN happened.stored) > 0;
"""


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    for part in (COLUMN, FILLED):
        cursor.execute(part)
    cursor.close()
