"""Documents and their specifications (TMF667)."""

from trunkline.kernel.document.entities import DOCUMENT, DOCUMENT_SPECIFICATION, Document, DocumentSpecification
from trunkline.kernel.tmf import LifeCycle, Resource

_STATES = {
    "created": {"reviewed", "approved", "published", "archived", "deleted"},
    "reviewed": {"created", "approved", "archived", "deleted"},
    "approved": {"published", "archived", "deleted"},
    "published": {"archived", "deleted"},
    "archived": {"deleted"},
}
_ENTRY = frozenset({"reviewed", "approved", "published"})

document_specifications = Resource(
    DocumentSpecification,
    DOCUMENT_SPECIFICATION,
    domain="document",
    life_cycle=LifeCycle(attribute="lifecycleStatus", initial="created", entry=_ENTRY, moves=_STATES),
    hot=("name",),
)

documents = Resource(
    Document,
    DOCUMENT,
    domain="document",
    life_cycle=LifeCycle(attribute="status", initial="created", entry=_ENTRY, moves=_STATES),
    hot=("name", "documentType"),
)
