"""What qualification asks of the network side; a flow answers."""

from typing import Protocol

import msgspec

from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork


class FeasibilityQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """Can the service that realises an offering be had at a place? `place_id` names an address or a site."""

    service_specification_id: str
    place_id: str
    downstream_bit_s: int | None = None


class Feasibility(msgspec.Struct, frozen=True, kw_only=True):
    """The network's answer; a refusal carries its code and its reason in words."""

    is_feasible: bool
    site_id: str | None = None
    technology: str | None = None
    downstream_max_bit_s: int | None = None
    reason_code: str | None = None
    reason: str | None = None


class ServiceFeasibility(Protocol):
    """The question to the network side."""

    async def ask(self, uow: UnitOfWork, question: FeasibilityQuestion, context: Context) -> Feasibility:
        """Answer from live inventory, in the asker's unit of work."""
