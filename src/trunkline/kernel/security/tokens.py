"""Keys and session tokens: how they are made, told apart and compared.

A token reads `tk_<id>_<secret>` (API key) or `ts_<id>_<secret>` (session). The secret has 256 random bits, so a plain
SHA-256 is a sufficient hash: there is nothing to guess, and a slow hash would cost each request.
"""

import hashlib
import hmac
import secrets
from typing import Literal

import msgspec

from trunkline.kernel.ids import new_id

Prefix = Literal["tk", "ts"]
_SECRET_BYTES = 32


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A new token: `text` goes to its owner, `id` and `secret_hash` into the database."""

    id: str
    text: str
    secret_hash: bytes


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A token as somebody presents it."""

    prefix: Prefix
    id: str
    secret: str


def new_token(prefix: Prefix) -> Token:
    """A token with a secret of 256 bits."""
    id_, secret = new_id(), secrets.token_urlsafe(_SECRET_BYTES)
    return Token(id=id_, text=f"{prefix}_{id_}_{secret}", secret_hash=hash_secret(secret))


def hash_secret(secret: str) -> bytes:
    """The stored form of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def matches(secret: str, stored: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_secret(secret), stored)


def parse(text: str) -> Presented | None:
    """A token of ours, None for anything else."""
    prefix, _, rest = text.partition("_")
    id_, _, secret = rest.partition("_")
    if not id_ or not secret or not (id_.isascii() and secret.isascii()) or "\x00" in id_:
        return None
    if prefix == "tk":
        return Presented(prefix="tk", id=id_, secret=secret)
    if prefix == "ts":
        return Presented(prefix="ts", id=id_, secret=secret)
    return None


def parse_basic(login: str, secret: str) -> Presented | None:
    """An API key given as HTTP basic: the user is the key's id, the password its secret or the whole key."""
    whole = parse(secret)
    if whole is not None and whole.prefix == "tk":
        return whole if login in (whole.id, f"tk_{whole.id}") else None
    return parse(f"tk_{login.removeprefix('tk_')}_{secret}")
