"""TMF678's face: bills, their applied rates and cycles are projections of issued bills; a bill on demand is a task."""

from trunkline.bss.account.resources import billing_accounts
from trunkline.bss.billing.entities import (
    APPLIED_CUSTOMER_BILLING_RATE,
    BILL_CYCLE,
    CUSTOMER_BILL,
    CUSTOMER_BILL_ON_DEMAND,
    AppliedCustomerBillingRate,
    BillCycle,
    CustomerBill,
    CustomerBillOnDemand,
)
from trunkline.kernel.tmf import LifeCycle, Reference, Resource

_READ = ("list", "retrieve")

customer_bills = Resource(
    CustomerBill,
    CUSTOMER_BILL,
    domain="billing",
    relation="billing.customer_bill_view",
    hot=("billNo", "billDate", "paymentDueDate", "category", "runType"),
    index=("billingAccount.id", "billCycle.id", "relatedParty.partyOrPartyRole.id"),
    writable=False,
    operations=_READ,
)

applied_customer_billing_rates = Resource(
    AppliedCustomerBillingRate,
    APPLIED_CUSTOMER_BILLING_RATE,
    domain="billing",
    relation="billing.applied_customer_billing_rate_view",
    hot=("date", "appliedBillingRateType", "name"),
    index=("bill.id", "billingAccount.id", "product.id"),
    writable=False,
    operations=_READ,
)

bill_cycles = Resource(
    BillCycle,
    BILL_CYCLE,
    domain="billing",
    relation="billing.bill_cycle_view",
    hot=("name",),
    index=("BillCycleSpecification.id",),
    writable=False,
    operations=_READ,
)

customer_bills_on_demand = Resource(
    CustomerBillOnDemand,
    CUSTOMER_BILL_ON_DEMAND,
    domain="billing",
    life_cycle=LifeCycle(initial="inProgress", moves={"inProgress": {"rejected", "done", "terminatedWithError"}}),
    references=(Reference("billingAccount", to=(billing_accounts,)),),
)
