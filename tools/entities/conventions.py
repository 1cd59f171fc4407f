"""Generation 4 brought to the conventions of generation 5, where an API is published only in the former.

- a type that generation 5 knows takes its shape from there (parties, places, characteristics, money ...);
- `RelatedParty` becomes `RelatedPartyRefOrPartyRoleRef`, `ExternalReference` becomes `ExternalIdentifier`;
- a single `externalId` becomes `externalIdentifier`;
- every type has `@type`, `@baseType`, `@schemaLocation`.
"""

import msgspec

from tools.entities.shapes import Type

EXTENSION = ("@type", "@baseType", "@schemaLocation")


class Conventions(msgspec.Struct, frozen=True):
    """The renamings, from apis.toml."""

    types: dict[str, str]
    attributes: dict[str, tuple[str, str]]

    def type_name(self, name: str) -> str:
        """The generation 5 name of a type."""
        return self.types.get(name, name)

    def attribute(self, name: str, kind: Type) -> tuple[str, Type]:
        """An attribute's generation 5 name and type."""
        if name in self.attributes and kind.kind == "string":
            renamed, entity = self.attributes[name]
            return renamed, Type("entity", many=True, entity=entity)
        if kind.entity:
            return name, Type("entity", kind.many, self.type_name(kind.entity))
        return name, kind

    def bring(self, attributes: dict[str, Type]) -> dict[str, Type]:
        """A generation 4 attribute table in generation 5 terms."""
        brought = dict(self.attribute(name, kind) for name, kind in attributes.items())
        return brought | {name: Type("string") for name in EXTENSION if name not in brought}
