"""Whose usage it is: an identifier belongs to one product at any instant."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, Self

from trunkline.bss.usage import store
from trunkline.bss.usage.contracts import UNKNOWN_REASONS, Binding, IdentifierKind, Refused
from trunkline.kernel.db import ReadSession
from trunkline.kernel.period import Period


class Identified(Protocol):
    """What names its user."""

    identifier_kind: IdentifierKind | None
    identifier: str | None


class Owners:
    """The bindings of a batch's identifiers."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._bindings: dict[tuple[str, str], list[Binding]] = defaultdict(list)
        for binding in bindings:
            self._bindings[binding.kind, binding.value].append(binding)

    @classmethod
    async def of(cls, session: ReadSession, tenant: str, users: Iterable[Identified]) -> Self:
        """Read the bindings of all that these records name, in one query."""
        pairs = sorted(
            {(user.identifier_kind, user.identifier) for user in users if user.identifier_kind and user.identifier}
        )
        return cls(await store.bindings(session, tenant, pairs) if pairs else ())

    def find(
        self, kind: IdentifierKind | None, value: str | None, occurred_at: datetime | None, began_at: datetime | None
    ) -> Binding | None:
        """The binding at the instant of the usage; else the one at the beginning of its session, so that the last record
        of a line that was just taken out of service still goes to it."""
        if kind is None or value is None:
            return None
        for instant in (occurred_at, began_at):
            for binding in self._bindings.get((kind, value), ()):
                if instant is not None and instant in Period(binding.valid_from, binding.valid_until):
                    return binding
        return None

    @staticmethod
    def unknown(kind: IdentifierKind | None, value: str | None) -> Refused:
        """The reason for holding usage that belongs to nobody."""
        if kind is None or value is None:
            return Refused("missing-identifier", "The record does not say who used it.")
        return Refused(UNKNOWN_REASONS[kind], f"No product had {kind} {value!r} at that instant.")
