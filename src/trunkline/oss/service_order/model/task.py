"""What a person must report to complete a manual step: pure."""

from decimal import Decimal, InvalidOperation
from typing import Any

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf import Document


def task_problems(step_input: Document, result: dict[str, Any]) -> list[Invalid]:
    """What is missing or out of range in the report of a step, by its input: `requires` names mandatory values,
    `opticalPowerMin` the weakest light (dBm) at which a line may be handed over."""
    problems = [
        Invalid("missingAttribute", f"{name} is needed to complete this step.", path=f"$.result.{name}")
        for name in step_input.get("requires", ())
        if result.get(name) in (None, "")
    ]
    if "opticalPower" in result and "opticalPowerMin" in step_input:
        weakest = Decimal(step_input["opticalPowerMin"])
        try:
            measured = Decimal(str(result["opticalPower"]))
        except InvalidOperation:
            measured = Decimal("NaN")
        if not measured.is_finite() or not weakest <= measured <= 0:
            problems.append(
                Invalid(
                    "opticalPowerOutOfRange",
                    f"Light must lie between {weakest} and 0 dBm.",
                    message="The line is not handed over. Clean or re-splice, measure again, then report.",
                    path="$.result.opticalPower",
                )
            )
    return problems
