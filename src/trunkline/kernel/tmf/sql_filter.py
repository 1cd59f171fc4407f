"""From a parsed query to SQL: which column or index serves a condition, with every value as a parameter."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.document import TOKEN_PART_MAX, encode
from trunkline.kernel.tmf.json_filter import JsonFilter
from trunkline.kernel.tmf.keyset import SortKey
from trunkline.kernel.tmf.normalise import instant_text
from trunkline.kernel.tmf.query import Clause, Query
from trunkline.kernel.tmf.regex import check_regex
from trunkline.kernel.tmf.schema import AttributePath, attribute_type, nearest
from trunkline.kernel.tmf.store import HotColumn

_SQL = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "regex": "~"}
_JSONPATH = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_KIND_OF_COLUMN = {
    "text": "string",
    "timestamptz": "datetime",
    "date": "date",
    "numeric": "number",
    "bigint": "number",
    "boolean": "boolean",
}
_CAST = {"string": "text", "datetime": "timestamptz", "date": "date", "number": "numeric", "boolean": "boolean"}


class Parameters:
    """Collects parameters and hands out their places."""

    def __init__(self, *first: Any) -> None:
        self.values: list[Any] = list(first)

    def add(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"


class Filters:
    """Compiles conditions on one resource's records."""

    def __init__(
        self,
        entity: type[msgspec.Struct],
        state_attribute: str | None,
        hot: tuple[HotColumn, ...],
        index: tuple[str, ...],
        *,
        only_index: bool = False,
    ) -> None:
        self._entity = entity
        self._only_index = only_index
        self._index = frozenset(index)
        self._columns = {column.attribute: (column.column, _KIND_OF_COLUMN[column.type]) for column in hot}
        self._columns["id"] = ("id", "string")
        if state_attribute:
            self._columns.setdefault(state_attribute, ("state", "string"))

    def where(self, query: Query, parameters: Parameters) -> str:
        """The condition as SQL that starts with " and", or "". Raises Invalid for unknown attributes and bad values."""
        found = "".join(f" and {self._condition(clause, parameters, query.own)}" for clause in query.clauses)
        return found if query.wanted is None else found + self._matching(query.wanted, parameters, query.own)

    def _matching(self, wanted: JsonFilter, parameters: Parameters, own: tuple[str, ...]) -> str:
        for path in wanted.paths:
            self._known(path, own)
        indexed = self._indexed_in(wanted)
        found = "".join(f" and {self._condition(clause, parameters)}" for clause in indexed)
        path = parameters.add(wanted.predicate)
        variables = parameters.add(encode(wanted.variables).decode())
        return f"{found} and jsonb_path_exists(doc, {path}::jsonpath, {variables}::jsonb, true)"

    def _indexed_in(self, wanted: JsonFilter | None) -> list[Clause]:
        """The equalities of a JSONPath filter that the token index serves."""
        equals = () if wanted is None else wanted.equals
        return [clause for path, text in equals if self._indexed(clause := Clause(path, "eq", (text,)))]

    def finds_few(self, query: Query) -> bool:
        """Whether a condition is equality with an id or a reference, which few records meet."""
        return bool(self._indexed_in(query.wanted)) or any(
            clause.operator == "eq" and (clause.path == "id" or self._indexed(clause))
            for clause in query.clauses
            if clause.path == "id" or clause.path not in self._columns
        )

    def sort_keys(self, query: Query, parameters: Parameters) -> list[SortKey]:
        """The keys to sort by. Raises Invalid for an unknown attribute."""
        return [self._sort_key(path, descending, parameters, query.own) for path, descending in query.sort]

    def _sort_key(self, path: str, descending: bool, parameters: Parameters, own: tuple[str, ...]) -> SortKey:
        self._known(path, own)
        column = self._columns.get(path)
        if column:  # nulls where the index has them
            return SortKey(column[0], _CAST[column[1]], descending, nulls_last=not descending)
        # the path is the client's text: inside a free object every name is known
        return SortKey(f"(doc #> {parameters.add(path.split('.'))}::text[])", "jsonb", descending)

    def _known(self, path: str, own: tuple[str, ...] = ()) -> AttributePath:
        found = attribute_type(self._entity, path)
        if found is None and any(path == one or path.startswith(f"{one}.") for one in own):
            return AttributePath("any", many=True)
        if found is None:
            close = nearest(self._entity, path)
            raise Invalid(
                "unknownAttribute",
                f"{path!r} is not an attribute of {self._entity.__name__}.",
                message=f"Did you mean {close!r}?" if close else None,
                path=path,
            )
        return found

    def _condition(self, clause: Clause, parameters: Parameters, own: tuple[str, ...] = ()) -> str:
        column = self._columns.get(clause.path)
        if column is not None:
            return self._on_column(clause, *column, parameters)
        if self._indexed(clause):
            return f"tokens && {parameters.add([f'{clause.path}={value}' for value in clause.values])}::text[]"
        if not self._has(clause.path) and self._names_characteristic(clause.path):
            return self._on_characteristic(clause, parameters)
        return self._on_document(clause, self._known(clause.path, own), parameters)

    def _has(self, path: str) -> bool:
        return attribute_type(self._entity, path) is not None

    def _indexed(self, clause: Clause) -> bool:
        """Equality on a reference's id or on a named characteristic is served by the token index."""
        if clause.operator != "eq" or "." not in clause.path or len(clause.path) > TOKEN_PART_MAX:
            return False
        if any(len(value) > TOKEN_PART_MAX for value in clause.values):
            return False
        if clause.path in self._index:
            return True
        if self._only_index:
            return False
        steps = clause.path.split(".")
        if attribute_type(self._entity, clause.path) is not None:
            return steps[-1] == "id" and len(steps) <= 3
        return self._names_characteristic(clause.path)

    def _names_characteristic(self, path: str) -> bool:
        """Whether the last step of a path is no attribute, but may be the name of a characteristic."""
        parent = path.rpartition(".")[0]
        return bool(parent) and all(
            attribute_type(self._entity, f"{parent}.{part}") is not None for part in ("name", "value")
        )

    def _on_column(self, clause: Clause, column: str, kind: str, parameters: Parameters) -> str:
        if clause.operator == "regex":
            if kind != "string":
                raise _unfit(clause, kind)
            return f"{column} ~ {parameters.add(_regex(clause))}"
        values = [_value(kind, value, clause.path) for value in clause.values]
        if clause.operator == "eq":
            if len(values) == 1:  # equality with one value keeps the index's order, so that a page reads only itself
                return f"{column} = {parameters.add(values[0])}::{_CAST[kind]}"
            return f"{column} = any({parameters.add(values)}::{_CAST[kind]}[])"
        if clause.operator == "ne":
            return f"not coalesce({column} = any({parameters.add(values)}), false)"
        return "(" + " or ".join(f"{column} {_SQL[clause.operator]} {parameters.add(value)}" for value in values) + ")"

    def _on_characteristic(self, clause: Clause, parameters: Parameters) -> str:
        """A condition on the value of the characteristic that the path's last step names."""
        path, _, name = clause.path.rpartition(".")
        inner = self._on_document(
            Clause("value", clause.operator, clause.values), self._known(f"{path}.value"), parameters, of="c"
        )
        steps = parameters.add("$" + "".join(f'."{step}"' for step in path.split(".")) + "[*]")
        found = f"jsonb_path_query(doc, {steps}::jsonpath) c"
        return f"exists (select 1 from {found} where c ->> 'name' = {parameters.add(name)} and {inner})"

    def _on_document(self, clause: Clause, known: AttributePath, parameters: Parameters, of: str = "doc") -> str:
        path = "$" + "".join(f'."{step}"' for step in clause.path.split("."))
        if clause.operator == "regex":
            found = f"jsonb_path_query({of}, {parameters.add(path)}::jsonpath)"
            return f"exists (select 1 from {found} v where v #>> '{{}}' ~ {parameters.add(_regex(clause))})"
        values = [form for value in clause.values for form in _json_values(known.kind, value, clause.path)]
        if clause.operator in ("eq", "ne"):
            tests = " || ".join(f"@ == $v{n}" for n in range(len(values)))
        else:
            tests = " || ".join(f"@ {_JSONPATH[clause.operator]} $v{n}" for n in range(len(values)))
        full = parameters.add(f"{path} ? ({tests})")
        variables = parameters.add(encode({f"v{n}": value for n, value in enumerate(values)}).decode())
        match = f"jsonb_path_exists({of}, {full}::jsonpath, {variables}::jsonb)"
        return f"not {match}" if clause.operator == "ne" else match


def _regex(clause: Clause) -> str:
    return check_regex(clause.values[0], clause.path)


def _unfit(clause: Clause, kind: str) -> Invalid:
    return Invalid("operatorUnfit", f"{clause.operator!r} does not fit an attribute of kind {kind}.", path=clause.path)


def _json_values(kind: str, text: str, path: str) -> list[Any]:
    """The JSON values that the text may mean; more than one where the attribute takes any type."""
    if kind in ("any", "object"):
        forms: list[Any] = [text]
        if text in ("true", "false"):
            forms.append(text == "true")
        elif re.fullmatch(r"-?\d{1,30}(\.\d{1,30})?", text):
            forms.append(Decimal(text))
        return forms
    value = _value(kind, text, path)
    if isinstance(value, datetime):
        return [instant_text(value)]
    return [value.isoformat() if isinstance(value, date) else value]


def _value(kind: str, text: str, path: str) -> Any:
    try:
        if kind == "datetime":
            value = datetime.fromisoformat(text.replace(" ", "+"))
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if kind == "date":
            return date.fromisoformat(text)
        if kind == "number":
            number = Decimal(text)
            if not number.is_finite() or abs(number.adjusted()) > 100:
                raise ValueError(text)
            return number
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise Invalid("invalidValue", f"{text[:60]!r} is not a {kind}.", path=path) from error
    if kind == "boolean":
        if text not in ("true", "false"):
            raise Invalid("invalidValue", f"{text[:60]!r} is not true or false.", path=path, allowed=("true", "false"))
        return text == "true"
    return text
