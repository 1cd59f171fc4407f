"""The `filter` parameter: a JSONPath predicate (TMF630 part 6) as a PostgreSQL jsonpath.

    filter=$.relatedParty[?(@.role=='agent' && @.id=='42')]      two conditions on the same element
    filter=[?(@.state=='active' || @.name=~/^A/)]                conditions on the record itself
    filter=relatedParty[?(@.role=='agent')]                      a leading $ may be left out

A record matches when the path selects something. Names, comparisons, `=~`, `!`, `&&`, `||`, nested filters and existence are
understood; indexes, slices, functions and wildcards over names are not.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import jsonpath
import msgspec
from jsonpath import filter as ast
from jsonpath import selectors
from jsonpath.segments import JSONPathChildSegment

from trunkline.kernel.errors import Invalid
from trunkline.kernel.tmf.regex import check_regex

LENGTH_MAX = 2_000
NODES_MAX = 60
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_environment = jsonpath.JSONPathEnvironment()


class JsonFilter(msgspec.Struct, frozen=True):
    """A translated filter.

    predicate  PostgreSQL jsonpath, and `variables` the values in it
    paths      dotted paths of the attributes that it names
    equals     (path, text) pairs that every match has, for an index to find them by
    """

    predicate: str
    variables: dict[str, Any]
    paths: tuple[str, ...]
    equals: tuple[tuple[str, str], ...]


def translate(text: str, place: Callable[[str], str] = str) -> JsonFilter:
    """Translate a filter. `place` tells where an attribute, by its dotted path, is stored.

    Raises Invalid with path `filter` for what is no such expression and for what is none that is offered.
    """
    if len(text) > LENGTH_MAX:
        raise _invalid(f"It has more than {LENGTH_MAX} characters.")
    try:
        compiled = _environment.compile(_completed(text.strip()))
    except (jsonpath.JSONPathError, RecursionError, ValueError) as error:
        raise _invalid(f"{str(error)[:200]}.") from error
    if not isinstance(compiled, jsonpath.JSONPath):
        raise _unsupported("a union of paths")
    walk = _Walk(place)
    path = walk.path("$", list(compiled.segments), "")
    equals = walk.required(list(compiled.segments), "")
    return JsonFilter(path, walk.variables, tuple(dict.fromkeys(walk.paths)), tuple(equals))


def _completed(text: str) -> str:
    if text.startswith("$"):
        return text
    return f"${text}" if text.startswith(("[", ".")) else f"$.{text}"


class _Walk:
    def __init__(self, place: Callable[[str], str]) -> None:
        self._place = place
        self._nodes = 0
        self.variables: dict[str, Any] = {}
        self.paths: list[str] = []

    def path(self, start: str, segments: list[Any], base: str) -> str:
        """A jsonpath that selects what the segments select; `base` is the dotted path to `start`."""
        found = start
        for kind, value in _steps(segments):
            self._count()
            if kind == "name":
                stored, base = self._stored(base, value)
                found += "".join(f".{json.dumps(step)}" for step in stored)
            elif kind == "filter":
                found += f" ? ({self._predicate(value, base)})"
        return found

    def required(self, segments: list[Any], base: str) -> Iterator[tuple[str, str]]:
        """Equalities of attributes with texts that hold for every match."""
        for kind, value in _steps(segments):
            if kind == "name":
                base = f"{base}.{value}".removeprefix(".")
            elif kind == "filter":
                yield from self._conjuncts(value, base)

    def _conjuncts(self, node: Any, base: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.InfixExpression) and node.operator == "&&":
            yield from self._conjuncts(node.left, base)
            yield from self._conjuncts(node.right, base)
        elif isinstance(node, ast.InfixExpression) and node.operator == "==":
            names = _names(node.left)
            if names and isinstance(node.right, ast.StringLiteral):
                yield self._place(".".join([*([base] if base else []), *names])), node.right.value
        elif isinstance(node, ast.RelativeFilterQuery):
            yield from self.required(list(node.path.segments), base)

    def _stored(self, base: str, name: str) -> tuple[list[str], str]:
        """The stored steps from `base` to an attribute below it, and its dotted path."""
        full = f"{base}.{name}".removeprefix(".")
        before = self._place(base).split(".") if base else []
        after = self._place(full).split(".")
        self.paths.append(".".join(after))
        return after[len(before) :], full

    def _predicate(self, node: Any, base: str) -> str:
        self._count()
        if isinstance(node, ast.PrefixExpression) and node.operator == "!":
            return f"!({self._predicate(node.right, base)})"
        if isinstance(node, ast.RelativeFilterQuery):
            return f"exists({self.path('@', list(node.path.segments), base)})"
        if isinstance(node, ast.InfixExpression):
            if node.operator in ("&&", "||"):
                left, right = self._predicate(node.left, base), self._predicate(node.right, base)
                return f"({left}) {node.operator} ({right})"
            if node.operator in _COMPARISONS:
                return f"{self._value(node.left, base)} {node.operator} {self._value(node.right, base)}"
            if node.operator == "=~" and isinstance(node.right, ast.RegexLiteral):
                return self._regex(node.left, node.right.value, base)
        raise _unsupported(str(node)[:100])

    def _regex(self, left: Any, pattern: Any, base: str) -> str:
        from_text = pattern.pattern
        flag = ' flag "i"' if "i" in str(pattern.flags) or pattern.flags & 2 else ""
        return f"{self._value(left, base)} like_regex {json.dumps(check_regex(from_text, 'filter'))}{flag}"

    def _value(self, node: Any, base: str) -> str:
        self._count()
        if isinstance(node, ast.RelativeFilterQuery):
            return self.path("@", list(node.path.segments), base)
        if isinstance(node, ast.Nil):
            return "null"
        if isinstance(node, ast.FilterExpressionLiteral) and isinstance(node.value, (str, int, float, bool)):
            name = f"v{len(self.variables)}"
            self.variables[name] = node.value
            return f"${name}"
        raise _unsupported(str(node)[:100])

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise _invalid(f"It has more than {NODES_MAX} parts.")


def _steps(segments: list[Any]) -> Iterator[tuple[str, Any]]:
    """The names and filters of a path, one by one; array wildcards say nothing, since arrays are looked into anyway."""
    for segment in segments:
        if not isinstance(segment, JSONPathChildSegment) or len(segment.selectors) != 1:
            raise _unsupported(str(segment)[:100])
        selector = segment.selectors[0]
        if isinstance(selector, selectors.NameSelector):
            yield "name", selector.name
        elif isinstance(selector, selectors.Filter):
            yield "filter", selector.expression.expression
        elif not isinstance(selector, selectors.WildcardSelector):
            raise _unsupported(str(selector)[:100])


def _names(node: Any) -> list[str]:
    """The names of a plain relative path, or none."""
    if not isinstance(node, ast.RelativeFilterQuery):
        return []
    steps = list(_steps(list(node.path.segments)))
    return [value for kind, value in steps] if all(kind == "name" for kind, _ in steps) else []


def _invalid(message: str) -> Invalid:
    return Invalid(
        "invalidFilter",
        "The filter is not a JSONPath predicate.",
        message=message,
        path="filter",
        hint="For example: filter=relatedParty[?(@.role=='agent' && @.id=='42')]",
    )


def _unsupported(what: str) -> Invalid:
    return Invalid(
        "filterNotOffered",
        "The filter uses what is not offered here.",
        message=f"{what}. Names, comparisons, =~, !, && and || are.",
        path="filter",
    )
