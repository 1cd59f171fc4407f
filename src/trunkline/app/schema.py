"""The whole schema as SQLAlchemy metadata: what the migrations must add up to. Only migrations and their test use it."""

from sqlalchemy import MetaData

from trunkline.bss.billing import tables as billing_tables
from trunkline.bss.usage import tables as usage_tables
from trunkline.kernel.db import tables as kernel_tables
from trunkline.kernel.events import tables as event_tables
from trunkline.kernel.idempotency import tables as idempotency_tables
from trunkline.kernel.jobs import tables as job_tables
from trunkline.kernel.plans import tables as plan_tables
from trunkline.kernel.security import tables as security_tables
from trunkline.oss.activation import tables as activation_tables

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata() -> MetaData:
    """All tables of kernel and domains."""
    found = MetaData(naming_convention=_NAMING)
    parts = (
        *(kernel_tables, event_tables, security_tables, plan_tables, job_tables, idempotency_tables),
        *(usage_tables, billing_tables, activation_tables),
    )
    for part in parts:
        part.define(found)
    return found
