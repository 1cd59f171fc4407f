"""What others call: bill runs, the bill of one account, explanations, the printed document, the checks."""

from trunkline.bss.billing.checks import billing_findings
from trunkline.bss.billing.explanation import explain_bill, issued
from trunkline.bss.billing.issue import BillAccount, bill_account
from trunkline.bss.billing.on_demand import bill_now
from trunkline.bss.billing.rendering import Printer, render
from trunkline.bss.billing.run import break_off, check_run, get_run, open_run, run_bills

__all__ = [
    "BillAccount",
    "Printer",
    "bill_account",
    "bill_now",
    "billing_findings",
    "break_off",
    "check_run",
    "explain_bill",
    "get_run",
    "issued",
    "open_run",
    "render",
    "run_bills",
]
