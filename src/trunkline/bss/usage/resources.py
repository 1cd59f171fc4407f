"""Usage and its specifications (TMF635). Usage is a projection of the mediated records: read here, made by mediation
(`posting` takes one in). The characteristic `billLine` names the line of the bill that it is on.

A usage's status shows its outcome: received (held, waiting for repair), rated (also when free), rejected, billed.
"""

from trunkline.bss.usage.entities import (
    CDR_TRANSACTION,
    USAGE,
    USAGE_SPECIFICATION,
    CdrTransaction,
    Usage,
    UsageSpecification,
)
from trunkline.kernel.tmf import LifeCycle, Resource

usages = Resource(
    Usage,
    USAGE,
    domain="usage",
    relation="usage.usage_view",
    hot=("usageDate", "usageType"),
    index=("ratedProductUsage.productRef.id", "usageCharacteristic.billLine"),
    writable=False,
    operations=("create", "list", "retrieve"),
)

usage_specifications = Resource(UsageSpecification, USAGE_SPECIFICATION, domain="usage", hot=("name",))


CDR_LIFE_CYCLE = LifeCycle(
    initial="charged",
    entry={"billed", "paid", "completed"},
    moves={"charged": {"billed"}, "billed": {"paid"}, "paid": {"completed"}},
)

cdr_transactions = Resource(CdrTransaction, CDR_TRANSACTION, domain="usage", life_cycle=CDR_LIFE_CYCLE)
