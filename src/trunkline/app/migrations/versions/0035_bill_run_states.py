"""A bill run may end before it saw all its accounts."""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table billing.bill_run drop constraint ck_bill_run_state")
    op.execute(
        "alter table billing.bill_run add constraint ck_bill_run_state"
        " check (state in ('running', 'completed', 'failed', 'cancelled'))"
    )
