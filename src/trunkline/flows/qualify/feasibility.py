"""Answers `bss.qualification`'s question with `oss.service_qualification`."""

from trunkline.bss.qualification.ports import Feasibility, FeasibilityQuestion
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.oss.service_qualification import facade


class NetworkFeasibility:
    """The port's implementation where both halves run in one process."""

    async def ask(self, uow: UnitOfWork, question: FeasibilityQuestion, context: Context) -> Feasibility:
        """Ask whether a service specification can be had at a place."""
        answer = await facade.check(
            uow,
            facade.Check(
                service_specification_id=question.service_specification_id,
                place_id=question.place_id,
                downstream_bit_s=question.downstream_bit_s,
            ),
            context,
        )
        return Feasibility(
            is_feasible=answer.is_feasible,
            site_id=answer.site_id,
            technology=answer.technology,
            downstream_max_bit_s=answer.downstream_max_bit_s,
            reason_code=answer.reason_code,
            reason=answer.reason,
        )
