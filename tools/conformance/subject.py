"""What is checked: one resource of one API in one generation, and what the domain that owns it says of it."""

from collections.abc import Mapping

import msgspec

from tools.conformance.contract import Contract


class Reference(msgspec.Struct, frozen=True):
    """A place in a document, dotted and with `[*]` for arrays, that must name a record of one of the resources."""

    path: str
    to: tuple[str, ...]


class States(msgspec.Struct, frozen=True):
    """A life cycle: the attribute, the state of a new record, and what may follow each state."""

    attribute: str
    initial: str
    moves: Mapping[str, tuple[str, ...]]

    @property
    def all(self) -> tuple[str, ...]:
        """Every state, in a fixed order."""
        return tuple(
            sorted({*self.moves, *(state for follow in self.moves.values() for state in follow), self.initial})
        )


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One resource as one contract names it.

    name         last part of its path
    stored       the name of the resource behind it: the same in both generations
    root         of its API: "/tmf-api/productCatalogManagement/v5"
    collection   path below the root; holds `{…}` where the contract puts it below another resource
    parent       that other resource's name
    offered      kinds of operation that the server offers
    references   what must be there, and `states` its life cycle
    unavailable  why a create is answered 501, where it is
    """

    contract: Contract
    name: str
    stored: str
    root: str
    collection: str
    parent: str | None = None
    offered: frozenset[str] = frozenset()
    references: tuple[Reference, ...] = ()
    states: States | None = None
    unavailable: str | None = None

    @property
    def api(self) -> str:
        """The API's code: "TMF620"."""
        return self.contract.api

    @property
    def generation(self) -> int:
        """4 or 5."""
        return self.contract.generation

    @property
    def label(self) -> str:
        """As a report names it: "TMF620 v5 category"."""
        return f"{self.api} v{self.generation} {self.name}"
