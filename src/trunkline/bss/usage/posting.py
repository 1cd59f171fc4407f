"""Usage sent over TMF635 by a partner's mediation: one record, through the pipeline that all records pass.

Who used it, how much of what, stand in `usageCharacteristic` under the names with which a usage is shown: `identifier`,
`quantity`, `unit`; `identifierKind` where it is not a RADIUS user, `recordKey` where the sender numbers its records. What
the answer shows is what mediation made of it; as it was sent it is kept as the raw record.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from trunkline.bss.usage.contracts import IdentifierKind, Origin, RawEvent, UsageEvent
from trunkline.bss.usage.mediation import ingest
from trunkline.bss.usage.resources import usages
from trunkline.kernel.context import Context
from trunkline.kernel.db import UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid
from trunkline.kernel.events.event import event
from trunkline.kernel.ids import new_id
from trunkline.kernel.quantity import multiple
from trunkline.kernel.tmf import Document
from trunkline.kernel.tmf.document import decode, encode
from trunkline.kernel.tmf.normalise import normalise
from trunkline.kernel.tmf.validate import check_document, check_type, id_problem

SOURCE = "tmf635"
QUANTITY_MAX = 10**18


async def post_usage(uow: UnitOfWork, document: Document, context: Context) -> Document:
    """Take one usage in and return it as it is shown: rated, or received (held until somebody has its identifier).

    Raises Invalid with all field errors; Conflict when a usage of this id, or a record of this `recordKey`, is there.
    Event: UsageCreateEvent.
    """
    id_ = new_id() if document.get("id") is None else document["id"]
    if problem := id_problem(id_):
        raise problem
    check_document(usages.entity, document, ("usageDate", "usageType"))
    check_type(usages.info, document)
    sent = normalise(document, usages.entity)
    read = _read(sent, id_)
    if await usages.find(uow, id_, context) is not None:
        raise Conflict("idTaken", f"There is a usage {id_} already.", path="$.id", hint="Leave out the id.")
    origin = Origin(source=SOURCE, source_ref=context.actor, received_at=context.now)
    body = decode(encode(sent | {"id": id_}))
    raw = RawEvent(body=body, origin=origin, read=read, refused_key=read.dedupe_key)
    (taken,) = await ingest(uow, [raw], context, [id_])
    if taken.known:
        raise Conflict(
            "recordKnown",
            "A record of this key was taken in before; nothing was counted again.",
            path=f"$.usageCharacteristic[{_place(sent, 'recordKey')}].value",
        )
    shown = await usages.get(uow, id_, context)
    uow.publish(
        event(
            context,
            "UsageCreateEvent",
            source="usage",
            resource="usage",
            resource_id=id_,
            version=1,
            payload={"usage": shown},
        )
    )
    return shown


def _read(document: Document, id_: str) -> UsageEvent:
    """The usage that the document tells of. Raises Invalid with all field errors."""
    problems: list[Invalid] = []
    values = dict(_characteristics(document, problems))
    named = {characteristic.get("name") for characteristic in document.get("usageCharacteristic", ())}
    problems += [_missing(name) for name in ("identifier", "quantity", "unit") if name not in named]
    if problems:
        raise Invalid.all_of(problems)
    unit, size = multiple(values["unit"], f"$.usageCharacteristic[{_place(document, 'unit')}].value")
    key = values.get("recordKey")
    return UsageEvent(
        dedupe_key=f"{SOURCE}:key:{key}" if key else f"{SOURCE}:id:{id_}",
        usage_type=document["usageType"],
        identifier_kind=values.get("identifierKind", IdentifierKind.RADIUS_USER),
        identifier=values["identifier"],
        quantity=values["quantity"] * size,
        unit=unit,
        occurred_at=msgspec.convert(document["usageDate"], datetime).astimezone(UTC),
    )


def _missing(name: str) -> Invalid:
    return Invalid(
        "missingCharacteristic",
        f"A usage has the characteristic {name!r}.",
        path="$.usageCharacteristic",
        hint='As {"name": "quantity", "value": 5, "valueType": "integer"}; units are octet, kB, GB, second, minute, event.',
    )


def _characteristics(document: Document, problems: list[Invalid]) -> Iterator[tuple[str, Any]]:
    """(name, value) of those that mean something here, checked."""
    for place, characteristic in enumerate(document.get("usageCharacteristic", ())):
        name, value = characteristic.get("name"), characteristic.get("value")
        problem = _problem(name, value)
        if problem:
            path = f"$.usageCharacteristic[{place}].value"
            allowed = tuple(IdentifierKind) if name == "identifierKind" else None
            problems.append(Invalid("invalidValue", problem, path=path, allowed=allowed))
        elif name == "identifierKind":
            yield name, IdentifierKind(value)
        elif name in ("identifier", "quantity", "unit", "recordKey"):
            yield name, value


def _problem(name: Any, value: Any) -> str | None:
    if name == "quantity":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return None if whole and 0 <= value <= QUANTITY_MAX else f"The quantity is a whole number up to {QUANTITY_MAX}."
    if name == "identifierKind":
        return None if value in set(IdentifierKind) else "That is no kind of identifier."
    if name in ("identifier", "unit", "recordKey"):
        return None if isinstance(value, str) and 0 < len(value) <= 200 else f"{name} is a text of 1 to 200 characters."
    return None


def _place(document: Document, name: str) -> int:
    names = [characteristic.get("name") for characteristic in document.get("usageCharacteristic", ())]
    return names.index(name) if name in names else 0
