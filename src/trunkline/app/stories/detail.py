"""FreeRADIUS' own file of accounting records, read without any code of the product's: what a real network must come to."""

_GIGAWORD = 1 << 32
_ARRIVAL = "Timestamp"  # FreeRADIUS adds it: it is no part of the record

Record = dict[str, str]
"""Attribute → value as written, strings with their quotation marks."""


def detail_records(text: str) -> list[Record]:
    """The packets of a FreeRADIUS detail file, in the order of their arrival."""
    return [
        dict(line.strip().split(" = ", 1) for line in block.splitlines() if line.startswith("\t") and " = " in line)
        for block in text.split("\n\n")
        if block.strip()
    ]


def without_repetitions(records: list[Record]) -> list[Record]:
    """Each record once, however often the gateway sent it."""
    first: dict[frozenset[tuple[str, str]], Record] = {}
    for record in records:
        first.setdefault(frozenset((name, value) for name, value in record.items() if name != _ARRIVAL), record)
    return list(first.values())


def octets_of(record: Record) -> int:
    """Octets both ways, with the gigawords of RFC 2869."""
    return sum(
        int(record.get(f"Acct-{way}-Octets", 0)) + int(record.get(f"Acct-{way}-Gigawords", 0)) * _GIGAWORD
        for way in ("Input", "Output")
    )


def as_request(record: Record) -> str:
    """The record as lines for `radclient`."""
    return "".join(f"{name} = {value}\n" for name, value in record.items() if name != _ARRIVAL)
