"""A FreeRADIUS detail file with a month's sessions of one user, as an operator without REST would feed it."""

from datetime import UTC, datetime, timedelta

OCTETS_PER_GIGAWORD = 1 << 32
LASTED = timedelta(hours=20)
EVERY = timedelta(days=2)


def detail_file(user_name: str, octets: int, first: datetime, sessions: int = 8) -> bytes:
    """Sessions that begin at `first` and every two days, and add up to `octets`; each with Start, one interim, Stop."""
    each = octets // sessions
    lines: list[str] = []
    for n in range(sessions):
        total = each if n < sessions - 1 else octets - each * (sessions - 1)
        start = first + n * EVERY
        down = total * 9 // 10
        facts = {"User-Name": f'"{user_name}"', "Acct-Session-Id": f'"file-{n + 1:02d}"', "NAS-Identifier": '"bng"'}
        lines += _packet(facts, "Start", start, 0, 0)
        lines += _packet(facts, "Interim-Update", start, (total - down) // 2, down // 2, lasted=LASTED / 2)
        lines += _packet(facts, "Stop", start, total - down, down, lasted=LASTED)
    return ("\n".join(lines) + "\n").encode()


def _packet(
    facts: dict[str, str], status: str, start: datetime, up: int, down: int, lasted: timedelta = timedelta(0)
) -> list[str]:
    """One packet of a session as a detail file holds it; counters split into octets and gigawords (RFC 2869)."""
    at = (start + lasted).astimezone(UTC)
    attributes = {
        **facts,
        "Acct-Status-Type": status,
        "Event-Timestamp": f'"{at:%b %d %Y %H:%M:%S} UTC"',
        "Acct-Session-Time": str(int(lasted.total_seconds())),
        "Acct-Input-Octets": str(up % OCTETS_PER_GIGAWORD),
        "Acct-Input-Gigawords": str(up // OCTETS_PER_GIGAWORD),
        "Acct-Output-Octets": str(down % OCTETS_PER_GIGAWORD),
        "Acct-Output-Gigawords": str(down // OCTETS_PER_GIGAWORD),
        "Timestamp": str(int(at.timestamp())),
    }
    return [f"{at:%a %b %d %H:%M:%S %Y}", *(f"\t{name} = {value}" for name, value in attributes.items()), ""]
