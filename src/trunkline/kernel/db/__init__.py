"""PostgreSQL: the embedded server, the pool, the unit of work, read sessions."""

from trunkline.kernel.db.database import Database
from trunkline.kernel.db.session import ReadSession, Record
from trunkline.kernel.db.unit_of_work import AuditEntry, OpenUnit, UnitOfWork, Write

__all__ = ["AuditEntry", "Database", "OpenUnit", "ReadSession", "Record", "UnitOfWork", "Write"]
