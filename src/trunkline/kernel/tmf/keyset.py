"""Paging by place instead of by number: from the sort keys of one record to what comes after it.

A page that begins at an offset has all before it read and thrown away, and shows a record twice or not at all when others
come meanwhile. A page that begins after a record reads itself alone, by the index of its first sort key.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a record stands in a list: its id and, as PostgreSQL writes them, its values of the sort keys (None: it has
    none)."""

    id: str
    values: tuple[str | None, ...] = ()


class SortKey(msgspec.Struct, frozen=True):
    """One key of an order. `sql` is a column or an expression over the document, `type` PostgreSQL's type of it."""

    sql: str
    type: str
    descending: bool = False
    nulls_last: bool = True

    def reversed(self) -> "SortKey":
        """The same key read from the other end."""
        return SortKey(self.sql, self.type, not self.descending, not self.nulls_last)

    @property
    def order(self) -> str:
        """The key as a part of `order by`."""
        return f"{self.sql}{' desc' if self.descending else ''} nulls {'last' if self.nulls_last else 'first'}"


def order_by(keys: Sequence[SortKey], *, backwards: bool) -> str:
    """The `order by` list; the id is always the last key, so that pages never overlap."""
    return ", ".join([*(key.order for key in keys), "id desc" if backwards else "id"])


def beyond(keys: Sequence[SortKey], place: Place, add: Callable[[Any], str], *, backwards: bool) -> list[str]:
    """Conditions of which exactly one holds for each record that comes after the place, and none for any other.

    add  takes a value and answers with its place among the statement's parameters

    One condition each for the records that share all keys but the id, all but the last key, and so on, and one for those
    that have no value where nulls come last: each can be read from an index, which one condition with `or` cannot.
    """
    found, shared = [], ""
    for key, value in zip(keys, place.values, strict=True):
        given = None if value is None else f"{add(value)}::text::{key.type}"
        found += [f"{shared} and {condition}" for condition in _after(key, given)]
        shared += f" and {key.sql} is null" if given is None else f" and {key.sql} = {given}"
    found.append(f"{shared} and id {'<' if backwards else '>'} {add(place.id)}")
    return found[::-1]


def _after(key: SortKey, given: str | None) -> list[str]:
    if given is None:
        return [] if key.nulls_last else [f"{key.sql} is not null"]
    later = [f"{key.sql} {'<' if key.descending else '>'} {given}"]
    return [*later, f"{key.sql} is null"] if key.nulls_last else later
