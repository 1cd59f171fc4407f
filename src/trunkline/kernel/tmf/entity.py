"""What the generated entities are made of: base classes, and the facts of a resource."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType, field

from trunkline.kernel.tmf.face import Face


class ValueBase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A typed view of one JSON object. Attributes that are not there are UNSET; unknown ones stay in the document only."""


class ExtensibleBase(ValueBase, frozen=True, kw_only=True):
    """A view of an object that names its class (TMF630, polymorphism and extension)."""

    at_type: str | UnsetType = field(name="@type", default=UNSET)
    at_base_type: str | UnsetType = field(name="@baseType", default=UNSET)
    at_schema_location: str | UnsetType = field(name="@schemaLocation", default=UNSET)


class EntityBase(ExtensibleBase, frozen=True, kw_only=True):
    """A view of an object with an identity, or of a reference to one."""

    id: str | UnsetType = UNSET
    href: str | UnsetType = UNSET


class EntityInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract says of a resource beside its attributes.

    name             class, as in `@type`
    resource         last part of the path
    parent           the resource it is nested in on the path, if any
    api              "TMF622"
    required         mandatory on create; dotted for what is mandatory inside an attribute where that is there
    state_attribute  where the life cycle shows, and `states` its values where the contract closes them
    events           notifications that the contract declares
    operations       create, list, retrieve, patch, replace, delete: those that the contract declares
    patch_forbidden  attributes that a client may not change, where the contract says so
    closed           attributes with an enumeration of the contract, and its values
    subtypes         classes that the contract lists as extending this one
    generations      those that have the resource
    face             what generation 4 says of it
    """

    name: str
    resource: str
    api: str
    parent: str | None = None
    required: tuple[str, ...] = ()
    state_attribute: str | None = None
    states: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    patch_forbidden: tuple[str, ...] = ()
    closed: Mapping[str, tuple[str, ...]] = {}
    subtypes: tuple[str, ...] = ()
    generations: tuple[int, ...] = ()
    face: Face | None = None
