"""The whole schema as SQLAlchemy metadata: what the migrations must add up to. Only migrations and their test use it."""

from sqlalchemy import MetaData

from trunkline.kernel.db import tables as kernel_tables
from trunkline.kernel.events import tables as event_tables
from trunkline.kernel.security import tables as security_tables

_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


def metadata() -> MetaData:
    """All tables of kernel and domains."""
    found = MetaData(naming_convention=_NAMING)
    for part in (kernel_tables, event_tables, security_tables):
        part.define(found)
    return found
