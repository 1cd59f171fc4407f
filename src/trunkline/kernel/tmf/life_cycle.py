"""Life cycles: explicit tables of allowed moves, with the states' TMF names."""

from collections.abc import Mapping, Set

import msgspec

from trunkline.kernel.errors import Conflict, Invalid


class LifeCycle(msgspec.Struct, frozen=True, kw_only=True):
    """The states of a resource and the moves between them.

    initial    the state of a new resource when its creator names none
    moves      state → states that may follow; a state that is not a key is terminal
    attribute  the document's attribute that holds the state
    entry      further states in which a resource may be created (an import, an inventory taken over)
    by_hand    the moves a client may ask for by PATCH, where the rest follow from work that is done; None: all
    settled    attributes that work goes by: a client does not change them once the record is there
    deletable  states in which a record may be deleted; None: all
    """

    initial: str
    moves: Mapping[str, Set[str]]
    attribute: str = "state"
    entry: Set[str] = frozenset()
    by_hand: Mapping[str, Set[str]] | None = None
    settled: Set[str] = frozenset()
    deletable: Set[str] | None = None

    @property
    def states(self) -> frozenset[str]:
        """All states, terminal ones included."""
        return frozenset(self.moves).union(*self.moves.values(), {self.initial}, self.entry)

    def check_known(self, state: str) -> None:
        """Raise Invalid for what is no state at all."""
        if state != self.initial and state not in self.moves and state not in self.states:
            raise Invalid(
                "unknownState", f"{state!r} is no state.", path=f"$.{self.attribute}", allowed=sorted(self.states)
            )

    def check_entry(self, state: str) -> None:
        """Raise Invalid when a resource may not be created in this state."""
        allowed = {self.initial, *self.entry}
        if state not in allowed:
            raise Invalid(
                "illegalState" if state in self.states else "unknownState",
                f"A new resource cannot start as {state!r}.",
                path=f"$.{self.attribute}",
                allowed=sorted(allowed),
            )

    def check_move(self, resource: str, id_: str, before: str, after: str) -> None:
        """Raise Invalid for an unknown state and Conflict for a move that the table does not allow."""
        path = f"$.{self.attribute}"
        if after not in self.states:
            raise Invalid(
                "unknownState", f"{after!r} is not a state of {resource}.", path=path, allowed=sorted(self.states)
            )
        allowed = sorted(self.moves.get(before, frozenset()))
        if after not in allowed:
            follow = f"may follow: {', '.join(allowed)}" if allowed else "nothing may follow: the state is final"
            raise Conflict(
                "illegalMove",
                f"{resource} cannot go from {before} to {after}.",
                message=f"{resource} {id_} is {before}; from it {follow}. Nothing was changed.",
                path=path,
                allowed=allowed,
            )

    def check_deletable(self, resource: str, id_: str, state: str) -> None:
        """Raise Conflict where a record in this state must stay."""
        if self.deletable is not None and state not in self.deletable:
            raise Conflict(
                "notDeletable",
                f"A {resource} that is {state} cannot be deleted.",
                message=f"What was done for {resource} {id_} goes by it. Nothing was deleted.",
                path=f"$.{self.attribute}",
                allowed=sorted(self.deletable),
            )

    def check_edit(self, resource: str, before: Mapping[str, object], after: Mapping[str, object]) -> None:
        """Raise Conflict for what a client may not change by hand: settled attributes, moves that follow from work."""
        changed = sorted(name for name in self.settled if before.get(name) != after.get(name))
        if changed:
            raise Conflict(
                "settled",
                f"{changed[0]} of a {resource} is settled when it is created.",
                message="What is done for it goes by that. Nothing was changed; cancel it and create another.",
                path=f"$.{changed[0]}",
            )
        if isinstance(state := after.get(self.attribute), str):
            self.check_by_hand(resource, str(before.get(self.attribute)), state)

    def check_by_hand(self, resource: str, before: str, after: str) -> None:
        """Raise Conflict for a move that the product makes, not a client. Call it for moves that the table allows."""
        if self.by_hand is None or after == before or after not in self.moves.get(before, frozenset()):
            return
        allowed = sorted(self.by_hand.get(before, frozenset()))
        if after not in allowed:
            raise Conflict(
                "illegalMove",
                f"The move of a {resource} from {before} to {after} follows from its work, not from a PATCH.",
                message=f"You may ask for: {', '.join(allowed) or 'none from this state'}. Nothing was changed.",
                path=f"$.{self.attribute}",
                allowed=allowed,
            )


SPECIFICATION_LIFE_CYCLE = LifeCycle(
    attribute="lifecycleStatus",
    initial="In study",
    entry={"In design", "In test", "Active", "Launched"},
    moves={
        "In study": {"In design", "Rejected"},
        "In design": {"In test", "Active", "Rejected"},
        "In test": {"Active", "In design", "Rejected"},
        "Active": {"Launched", "Retired"},
        "Launched": {"Retired"},
        "Retired": {"Obsolete", "Launched", "Active"},
    },
)
"""Of catalog entities, where a domain has no reason for another (TMF620, annex on life cycle management)."""


def task_life_cycle(initial: str) -> LifeCycle:
    """Of a task resource: carried out once, done or ended with an error. `initial` is the contract's word for received."""
    return LifeCycle(
        initial=initial,
        moves={
            initial: {"inProgress", "done", "rejected", "cancelled", "terminatedWithError"},
            "inProgress": {"done", "cancelled", "terminatedWithError"},
        },
    )
