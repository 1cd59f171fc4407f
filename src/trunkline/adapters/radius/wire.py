"""rlm_rest's JSON: `{"User-Name": {"type": "string", "value": ["alice"]}}` in, `{"reply:Class": …}` out.

Integers come as numbers or, where the dictionary names their values, as those names ("Start"); dates, addresses and
octets come as text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

ATTRIBUTES_MAX = 200


class Attribute(msgspec.Struct, frozen=True):
    """One attribute of a request, with all its values in their order."""

    value: tuple[str | int, ...]
    type: str = "string"


Request = dict[str, Attribute]


def first_values(request: Mapping[str, Attribute]) -> dict[str, str | int]:
    """Attribute name → its first value; an attribute without a value is left out."""
    return {name: attribute.value[0] for name, attribute in request.items() if attribute.value}


def accept(secret: str, reply: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The answer that lets FreeRADIUS check the user's password itself and send these attributes with an accept."""
    answer: dict[str, Any] = {"control:Cleartext-Password": {"op": ":=", "value": [secret]}}
    for name, values in reply.items():
        answer[f"reply:{name}"] = (
            {"op": ":=", "value": [values[0]]} if len(values) == 1 else {"op": "+=", "value": list(values)}
        )
    return answer
