"""The tables of security, as the migrations must add up to them."""

import sqlalchemy as sa

SCHEMA = "kernel"


def define(metadata: sa.MetaData) -> None:
    """Add the tables to `metadata`."""
    _principals(metadata)
    _credentials(metadata)
    _audit_chain(metadata)


def _text(name: str, *, nullable: bool = False, key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=key)


def _instant(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _principals(metadata: sa.MetaData) -> None:
    sa.Table(
        "tenant",
        metadata,
        _text("tenant", key=True),
        _text("name"),
        _text("state"),
        _instant("created_at"),
        schema=SCHEMA,
    )
    sa.Table(
        "principal",
        metadata,
        _text("tenant", key=True),
        _text("id", key=True),
        _text("kind"),
        _text("name"),
        _text("login", nullable=True),
        _text("state"),
        _instant("created_at"),
        sa.Index("ix_principal_login", "tenant", "login", unique=True),
        schema=SCHEMA,
    )
    sa.Table(
        "role",
        metadata,
        _text("tenant", key=True),
        _text("name", key=True),
        _text("description"),
        sa.Column("built_in", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    sa.Table(
        "role_permission",
        metadata,
        _text("tenant", key=True),
        _text("role", key=True),
        _text("permission", key=True),
        schema=SCHEMA,
    )
    sa.Table(
        "principal_role",
        metadata,
        _text("tenant", key=True),
        _text("principal_id", key=True),
        _text("role", key=True),
        sa.Index("ix_principal_role_role", "tenant", "role"),
        schema=SCHEMA,
    )


def _credentials(metadata: sa.MetaData) -> None:
    sa.Table(
        "credential",
        metadata,
        _text("tenant", key=True),
        _text("principal_id", key=True),
        _text("password_hash"),
        _instant("changed_at"),
        schema=SCHEMA,
    )
    sa.Table(
        "api_key",
        metadata,
        _text("tenant", key=True),
        _text("id", key=True),
        _text("principal_id"),
        _text("name"),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
        sa.Column("last_used_on", sa.Date),
        _instant("revoked_at", nullable=True),
        sa.Index("ix_api_key_id", "id"),
        sa.Index("ix_api_key_principal", "tenant", "principal_id"),
        schema=SCHEMA,
    )
    sa.Table(
        "session",
        metadata,
        _text("tenant", key=True),
        _text("id", key=True),
        _text("principal_id"),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("ends_at"),
        sa.Index("ix_session_id", "id"),
        sa.Index("ix_session_principal", "tenant", "principal_id"),
        sa.Index("ix_session_expiry", "expires_at"),
        schema=SCHEMA,
    )
    sa.Table(
        "login_failure",
        metadata,
        _text("tenant", key=True),
        _text("subject", key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _instant("window_ends_at"),
        sa.Index("ix_login_failure_window", "window_ends_at"),
        schema=SCHEMA,
    )


def _audit_chain(metadata: sa.MetaData) -> None:
    sa.Table("audit_pending", metadata, _text("tenant"), _text("id"), schema=SCHEMA)
    sa.Table(
        "audit_seal",
        metadata,
        _text("tenant", key=True),
        sa.Column("seal_no", sa.BigInteger, primary_key=True, autoincrement=False),
        _instant("sealed_at"),
        sa.Column("row_count", sa.Integer, nullable=False),
        sa.Column("row_ids", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("row_hashes", sa.ARRAY(sa.LargeBinary), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        schema=SCHEMA,
    )
