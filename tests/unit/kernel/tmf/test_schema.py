"""Questions about an entity's attributes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from msgspec import UNSET, UnsetType

from trunkline.kernel.tmf.entity import EntityBase, ExtensibleBase
from trunkline.kernel.tmf.schema import AttributePath, attribute_type, json_schemas, nearest


class Leg(ExtensibleBase, frozen=True, kw_only=True):
    length: Decimal | UnsetType = UNSET
    count: int | UnsetType = UNSET
    value: Any = UNSET
    part: list[Leg] | UnsetType = UNSET


class Table(EntityBase, frozen=True, kw_only=True):
    name: str | UnsetType = UNSET
    is_round: bool | UnsetType = UNSET
    made_at: datetime | UnsetType = UNSET
    made_on: date | UnsetType = UNSET
    leg: list[Leg] | UnsetType = UNSET
    spare_leg: Leg | UnsetType = UNSET
    free: dict[str, Any] | UnsetType = UNSET
    label: list[str] | UnsetType = UNSET


@pytest.mark.parametrize(
    ("path", "kind", "many"),
    [
        ("id", "string", False),
        ("@type", "string", False),
        ("isRound", "boolean", False),
        ("madeAt", "datetime", False),
        ("madeOn", "date", False),
        ("leg", "object", True),
        ("label", "string", True),
        ("leg.length", "number", True),
        ("spareLeg.count", "number", False),
        ("spareLeg.part.part.length", "number", True),
        ("spareLeg.value", "any", False),
        ("spareLeg.value.deep.down", "any", False),
        ("free", "object", False),
        ("free.whatever", "any", False),
    ],
)
def test_a_known_path_has_a_kind(path: str, kind: Any, many: bool) -> None:
    assert attribute_type(Table, path) == AttributePath(kind, many)


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "nmae",
        "made_at",
        "at_type",
        "name.first",
        "leg.",
        ".leg",
        "leg..length",
        "free.",
        "free..x",
        "spareLeg.x",
        "leg.0",
    ],
)
def test_an_unknown_path_has_none(path: str) -> None:
    assert attribute_type(Table, path) is None


def test_a_path_without_end_is_unknown() -> None:
    assert attribute_type(Table, "spareLeg" + ".part" * 15) is not None
    assert attribute_type(Table, "spareLeg" + ".part" * 16) is None


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("nmae", "name"),
        ("leg.lenght", "leg.length"),
        ("legg.length", "leg.length"),
        ("legg.nonsense", "leg"),
        ("leg.qqqq", None),
        ("zzzz", None),
        ("name.first", None),
        ("name", "name"),
    ],
)
def test_the_nearest_name_is_found_at_the_first_wrong_step(path: str, meant: str | None) -> None:
    assert nearest(Table, path) == meant


def test_the_json_schema_says_what_documents_hold() -> None:
    schemas = json_schemas([Table])[1]
    assert set(schemas) == {"Table", "Leg"}
    assert schemas["Leg"]["properties"]["length"] == {"type": "number"}
    assert schemas["Table"]["properties"]["leg"] == {"type": "array", "items": {"$ref": "#/components/schemas/Leg"}}
    whole = {**schemas["Table"], "components": {"schemas": schemas}}
    validator = jsonschema.Draft202012Validator(whole)
    assert validator.is_valid(
        {"@type": "Table", "id": "1", "leg": [{"length": 1.5, "part": [{"count": 2}]}], "extra": 1}
    )
    assert not validator.is_valid({"leg": [{"part": [{"count": "2"}]}]})


def test_what_is_returned_may_be_changed_without_harm() -> None:
    json_schemas([Table])[1].clear()
    assert "Table" in json_schemas([Table])[1]
