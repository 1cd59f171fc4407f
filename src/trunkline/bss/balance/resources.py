"""Prepaid balances (TMF654) and what was consumed of them (TMF677): the record face. Buckets move when charging moves them."""

from trunkline.bss.balance.entities import (
    ACCUMULATED_BALANCE,
    ADJUST_BALANCE,
    BALANCE_ACTION_HISTORY,
    BUCKET,
    QUERY_USAGE_CONSUMPTION,
    RESERVE_BALANCE,
    TOPUP_BALANCE,
    TRANSFER_BALANCE,
    USAGE_CONSUMPTION_REPORT,
    AccumulatedBalance,
    AdjustBalance,
    BalanceActionHistory,
    Bucket,
    QueryUsageConsumption,
    ReserveBalance,
    TopupBalance,
    TransferBalance,
    UsageConsumptionReport,
)
from trunkline.kernel.tmf import LifeCycle, Resource
from trunkline.kernel.tmf.life_cycle import task_life_cycle

CHARGING = "The charging engine is not part of this installation yet, so no balance was changed or read."
_ACTION = LifeCycle(attribute="status", initial="created", moves={"created": {"completed", "failed", "cancelled"}})

buckets = Resource(
    Bucket,
    BUCKET,
    domain="balance",
    life_cycle=LifeCycle(
        attribute="status",
        initial="active",
        moves={"active": {"suspended", "expired"}, "suspended": {"active", "expired"}},
    ),
    hot=("name",),
)

accumulated_balances = Resource(AccumulatedBalance, ACCUMULATED_BALANCE, domain="balance", hot=("name",))

balance_action_histories = Resource(BalanceActionHistory, BALANCE_ACTION_HISTORY, domain="balance")

adjust_balances = Resource(AdjustBalance, ADJUST_BALANCE, domain="balance", life_cycle=_ACTION, unavailable=CHARGING)

reserve_balances = Resource(ReserveBalance, RESERVE_BALANCE, domain="balance", life_cycle=_ACTION, unavailable=CHARGING)

topup_balances = Resource(TopupBalance, TOPUP_BALANCE, domain="balance", life_cycle=_ACTION, unavailable=CHARGING)

transfer_balances = Resource(
    TransferBalance, TRANSFER_BALANCE, domain="balance", life_cycle=_ACTION, unavailable=CHARGING
)

query_usage_consumptions = Resource(
    QueryUsageConsumption,
    QUERY_USAGE_CONSUMPTION,
    domain="balance",
    life_cycle=task_life_cycle("acknowledged"),
    unavailable=CHARGING,
)

usage_consumption_reports = Resource(
    UsageConsumptionReport, USAGE_CONSUMPTION_REPORT, domain="balance", hot=("name",), unavailable=CHARGING
)
