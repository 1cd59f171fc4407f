"""The whole schema as SQLAlchemy metadata: what the migrations must add up to. Only migrations and their test use it."""

from sqlalchemy import MetaData

from trunkline.adapters.cdr_files import tables as cdr_file_tables
from trunkline.adapters.simulator import tables as simulator_tables
from trunkline.app.wiring import resources
from trunkline.bss.billing import tables as billing_tables
from trunkline.bss.usage import tables as usage_tables
from trunkline.kernel.db import tables as kernel_tables
from trunkline.kernel.events import tables as event_tables
from trunkline.kernel.idempotency import tables as idempotency_tables
from trunkline.kernel.jobs import tables as job_tables
from trunkline.kernel.plans import tables as plan_tables
from trunkline.kernel.security import tables as security_tables
from trunkline.kernel.tmf import crossing_tables
from trunkline.kernel.tmf.tables import resource_table
from trunkline.kernel.transfer import tables as transfer_tables
from trunkline.oss.activation import tables as activation_tables
from trunkline.oss.resource_pool import tables as resource_pool_tables

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
        *(crossing_tables, transfer_tables),
        *(usage_tables, billing_tables, activation_tables, resource_pool_tables, simulator_tables, cdr_file_tables),
    )
    for part in parts:
        part.define(found)
    for resource in resources():
        if resource.writable and resource.relation not in found.tables:
            hot = [(column.column, column.type) for column in resource.hot]
            resource_table(found, resource.domain, resource.table, hot)
    return found
