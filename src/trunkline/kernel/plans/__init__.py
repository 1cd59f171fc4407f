"""Plans: durable task graphs. See the README beside this file."""

from trunkline.kernel.plans.actions import StepActions, StepRun
from trunkline.kernel.plans.cancelling import cancel_plan
from trunkline.kernel.plans.create import create_plan
from trunkline.kernel.plans.giving_up import give_up
from trunkline.kernel.plans.repair import complete_manual, retry_step, skip_step
from trunkline.kernel.plans.runner import PlanRunner
from trunkline.kernel.plans.signals import purge_signals, signal
from trunkline.kernel.plans.spec import PlanSpec, Retry, StepKind, StepSpec
from trunkline.kernel.plans.view import (
    ManualStep,
    PlanState,
    PlanView,
    StepState,
    StepView,
    get_plan,
    manual_steps,
    plans_of,
)

__all__ = [
    "ManualStep",
    "PlanRunner",
    "PlanSpec",
    "PlanState",
    "PlanView",
    "Retry",
    "StepActions",
    "StepKind",
    "StepRun",
    "StepSpec",
    "StepState",
    "StepView",
    "cancel_plan",
    "complete_manual",
    "create_plan",
    "get_plan",
    "give_up",
    "manual_steps",
    "plans_of",
    "purge_signals",
    "retry_step",
    "signal",
    "skip_step",
]
