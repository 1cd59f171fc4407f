"""Tables of the plans: plan, step, step_dependency, signal. No foreign keys: only `create` writes rows, a plan and its steps
in one statement each of one transaction, and checking keys row by row would double what a plan costs."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    _plan(metadata)
    _step(metadata)
    _step_dependency(metadata)
    sa.Table(
        "signal",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("result", sa.JSON),
        sa.Column("given_at", sa.DateTime(timezone=True)),
        sa.Column("awaited_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )


def _plan(metadata: sa.MetaData) -> None:
    text, instant = sa.Text, sa.DateTime(timezone=True)
    sa.Table(
        "plan",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("id", text, primary_key=True),
        sa.Column("kind", text, nullable=False),
        sa.Column("subject_resource", text, nullable=False),
        sa.Column("subject_id", text, nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("ended", sa.Integer, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("actor", text, nullable=False),
        sa.Column("correlation_id", text, nullable=False),
        sa.Column("causation_id", text),
        sa.Column("reason", text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("finished_at", instant),
        sa.Index("ix_plan_subject", "tenant", "subject_resource", "subject_id"),
        sa.Index("ix_plan_open", "tenant", "state", postgresql_where=sa.text("state in ('failed', 'cancelling')")),
        schema=SCHEMA,
    )


def _step(metadata: sa.MetaData) -> None:
    text, integer, span, instant = sa.Text, sa.Integer, sa.Interval, sa.DateTime(timezone=True)
    sa.Table(
        "step",
        metadata,
        sa.Column("tenant", text, primary_key=True),
        sa.Column("plan_id", text, primary_key=True),
        sa.Column("n", integer, primary_key=True),
        sa.Column("name", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("action", text),
        sa.Column("state", text, nullable=False),
        sa.Column("unmet", integer, nullable=False),
        sa.Column("ancestors", ARRAY(sa.Integer), nullable=False),
        sa.Column("input", sa.JSON, nullable=False),
        sa.Column("result", sa.JSON),
        sa.Column("error", sa.JSON),
        sa.Column("run_at", instant),
        sa.Column("delay", span),
        sa.Column("due_at", instant),
        sa.Column("queue", text),
        sa.Column("signal_key", text),
        sa.Column("signalled", sa.Boolean, nullable=False),
        sa.Column("idempotency_key", text, nullable=False),
        sa.Column("lease_holder", text),
        sa.Column("lease_until", instant),
        sa.Column("attempts", integer, nullable=False),
        sa.Column("failures", integer, nullable=False),
        sa.Column("losses", integer, nullable=False),
        sa.Column("max_attempts", integer, nullable=False),
        sa.Column("retry_first", span, nullable=False),
        sa.Column("retry_longest", span, nullable=False),
        sa.Column("timeout", span, nullable=False),
        sa.Column("undo", text),
        sa.Column("undo_of", integer),
        sa.Column("ended", integer),
        sa.Column("started_at", instant),
        sa.Column("finished_at", instant),
        sa.Index("ix_step_ready", "run_at", postgresql_where=sa.text("state = 'ready' and kind <> 'callout'")),
        sa.Index("ix_step_callout", "run_at", postgresql_where=sa.text("state = 'ready' and kind = 'callout'")),
        sa.Index(
            "ix_step_lease", "lease_until", postgresql_where=sa.text("state = 'running' and lease_until is not null")
        ),
        sa.Index("ix_step_signal", "tenant", "signal_key", postgresql_where=sa.text("signal_key is not null")),
        sa.Index(
            "ix_step_manual",
            "tenant",
            "queue",
            "due_at",
            postgresql_where=sa.text("state = 'running' and kind = 'manual'"),
        ),
        schema=SCHEMA,
    )


def _step_dependency(metadata: sa.MetaData) -> None:
    sa.Table(
        "step_dependency",
        metadata,
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("plan_id", sa.Text, primary_key=True),
        sa.Column("successor", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("predecessor", sa.Integer, primary_key=True, autoincrement=False),
        sa.Index("ix_step_dependency_predecessor", "tenant", "plan_id", "predecessor"),
        schema=SCHEMA,
    )
