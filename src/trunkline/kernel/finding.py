"""What a check found wrong: one difference, named so that a person can go and look."""

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One difference between what must be and what is.

    invariant  number of the system-wide invariant that is broken (1 … 20)
    rule       the invariant in words
    subject    what it is about, as "product 0192f…"
    expected   what must be
    found      what is
    """

    invariant: int
    rule: str
    subject: str
    expected: str
    found: str
