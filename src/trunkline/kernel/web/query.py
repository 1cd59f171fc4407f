"""The query string as a multi dict: all pairs in the order they came, the first value by name."""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from trunkline.kernel.errors import Invalid

LENGTH_MAX = 8_000
PAIRS_MAX = 200


class Query(Mapping[str, str]):
    """Decoded parameters. `query["a"]` and `.get("a")` give the first value, `.all("a")` all, `.pairs` all pairs."""

    def __init__(self, raw: str) -> None:
        """Split and decode. Raises Invalid for too long a query, and for text that is not UTF-8 or holds NUL."""
        if len(raw) > LENGTH_MAX:
            raise Invalid("queryTooLong", f"A query string has at most {LENGTH_MAX} characters.")
        parts = [part for part in raw.split("&") if part]
        if len(parts) > PAIRS_MAX:
            raise Invalid("tooManyParameters", f"A query has at most {PAIRS_MAX} parameters.")
        self.pairs: tuple[tuple[str, str], ...] = tuple(_pair(part) for part in parts)
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value)

    def __getitem__(self, name: str) -> str:
        return self._first[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)

    def __len__(self) -> int:
        return len(self._first)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of that name, in order."""
        return tuple(value for key, value in self.pairs if key == name)

    def required(self, name: str) -> str:
        """The first value; raises Invalid when it is missing."""
        if name not in self._first:
            raise Invalid("missingParameter", f"The parameter {name!r} is missing.", path=name)
        return self._first[name]

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number in low..high, `default` when not given. Raises Invalid."""
        text = self._first.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 18) or not low <= int(text) <= high:
            raise Invalid("invalidParameter", f"{name} is a whole number from {low} to {high}.", path=name)
        return int(text)


def decode_text(raw: str, path: str) -> str:
    """Percent-decoded text that PostgreSQL can hold. Raises Invalid."""
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise Invalid("invalidText", "The value is not UTF-8.", path=path) from error
    return checked_text(text, path)


def checked_text(text: str, path: str) -> str:
    """Decoded text, if PostgreSQL can hold it. Raises Invalid for NUL and for bytes that were no UTF-8."""
    if "\x00" in text or (not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)):
        raise Invalid("invalidText", "Text cannot hold the character NUL or broken UTF-8.", path=path)
    return text


def _pair(part: str) -> tuple[str, str]:
    raw_name, _, raw_value = part.replace("+", " ").partition("=")
    name = decode_text(raw_name, "query")
    return name, decode_text(raw_value, name)
