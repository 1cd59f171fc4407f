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
    """The answer that lets FreeRADIUS check the user's password itself and send these attributes with an accept.

    FreeRADIUS expands % in values unless `do_xlat` is false: a password is a password, and nobody who chooses a value may
    have something evaluated.
    """
    answer: dict[str, Any] = {"control:Cleartext-Password": {"op": ":=", "value": [secret], "do_xlat": False}}
    for name, values in reply.items():
        op = ":=" if len(values) == 1 else "+="
        answer[f"reply:{name}"] = {"op": op, "value": list(values), "do_xlat": False}
    return answer
