"""An index of the events that record an erasure, which each relay looks for when it starts.

Revision: 0022, after 0021
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

ERASURES = "CREATE INDEX events_erasures ON ledger.events (position) WHERE event_type = 'PersonalDataErased';"


def upgrade() -> None:
    cursor = op.get_bind().connection.cursor()
    cursor.execute(ERASURES)
    cursor.close()
