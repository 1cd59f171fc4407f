"""The TMF resource engine: what a record domain needs is `Resource`, `LifeCycle` and `Reference`."""

from trunkline.kernel.tmf.document import Document
from trunkline.kernel.tmf.life_cycle import LifeCycle
from trunkline.kernel.tmf.reference import Reference
from trunkline.kernel.tmf.resource import Resource

__all__ = ["Document", "LifeCycle", "Reference", "Resource"]
