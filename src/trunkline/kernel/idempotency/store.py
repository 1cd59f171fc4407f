"""The store of answers: the first command with a key takes it, later ones get its answer.

All of it happens inside the unit of work of the command's effect, so key, effect and answer are stored together or not
at all. A second command with the same key waits for the first one's transaction on the key's row.
"""

import hashlib
import re
from datetime import datetime, timedelta

import msgspec

from trunkline.kernel.clock import Clock
from trunkline.kernel.context import Context
from trunkline.kernel.db import ReadSession, UnitOfWork
from trunkline.kernel.errors import Conflict, Invalid

KEY_LENGTH_MAX = 255
KEPT_FOR = timedelta(days=7)
_KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH_MAX}}}")

_TAKE = """insert into kernel.idempotency(tenant, key, operation, input_hash, created_at) values ($1, $2, $3, $4, $5)
 on conflict (tenant, key) do nothing returning 1"""

_FOUND = "select operation, input_hash, status, answer from kernel.idempotency where tenant = $1 and key = $2"

_STORE = """update kernel.idempotency set status = $3, answer = $4 where tenant = $1 and key = $2 and status is null"""

_PURGE = """delete from kernel.idempotency where ctid = any(array(
   select ctid from kernel.idempotency where created_at < $1 order by created_at limit $2 for update skip locked))"""


class StoredAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the first command with the key was answered. `answer` is None when it was not kept (it held a secret)."""

    status: int
    answer: bytes | None


def check_key(key: str) -> str:
    """The key, if it is 1 to 255 printable ASCII characters without spaces. Raises Invalid."""
    if not _KEY.fullmatch(key):
        raise Invalid(
            "idempotencyKey",
            f"An idempotency key has 1 to {KEY_LENGTH_MAX} printable ASCII characters and no spaces.",
            path="Idempotency-Key",
            hint="Use a new UUID for each command.",
        )
    return key


def input_hash(*parts: str | bytes) -> bytes:
    """SHA-256 over the parts of a command's input. The actor is one of them: an answer is nobody else's to see."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))  # so that ("ab", "c") and ("a", "bc") differ
        digest.update(data)
    return digest.digest()


def stretched(hash_: bytes, key: str) -> bytes:
    """A hash of an input that holds a secret, made costly (scrypt, 16 MiB, some 50 ms): otherwise who can read the table
    could guess a password from it much faster than from its argon2 hash."""
    return hashlib.scrypt(hash_, salt=key.encode(), n=2**14, r=8, p=1, dklen=32)


async def remember(uow: UnitOfWork, context: Context, key: str, operation: str, hash_: bytes) -> StoredAnswer | None:
    """Take the key for this command: None means go on, do the effect and `store_answer` in the same unit of work.

    A StoredAnswer means: it was done before, with this input; replay the answer and do nothing. Waits while another
    transaction with the key is under way.
    Raises Conflict (idempotencyKeyReused) when the key was used for another operation or input, Invalid for a bad key.
    """
    check_key(key)
    if await uow.fetch_value(_TAKE, context.tenant, key, operation, hash_, Clock.wall()):
        return None
    stored = await recall(uow, context, key, operation, hash_)
    # None: purged between the two statements, as good as never used
    return await remember(uow, context, key, operation, hash_) if stored is None else stored


async def recall(session: ReadSession, context: Context, key: str, operation: str, hash_: bytes) -> StoredAnswer | None:
    """What the command with this key was answered, None when there was none; takes nothing. Raises as `remember`."""
    row = await session.fetch_row(_FOUND, context.tenant, key)
    if row is None:
        return None
    if row["operation"] != operation or row["input_hash"] != hash_:
        raise Conflict(
            "idempotencyKeyReused",
            "This idempotency key was used for another command.",
            message="Nothing was done.",
            path="Idempotency-Key",
            hint="Use a new key for a new command, and the same one only to repeat it unchanged.",
        )
    if row["status"] is None:
        raise RuntimeError(f"the command that took the idempotency key for {row['operation']} stored no answer")
    return StoredAnswer(status=row["status"], answer=row["answer"])


async def store_answer(uow: UnitOfWork, context: Context, key: str, answer: StoredAnswer) -> None:
    """Keep the answer of the command that took the key in this unit of work."""
    if not await uow.execute(_STORE, context.tenant, key, answer.status, answer.answer):
        raise RuntimeError("an answer is stored once, after the key was taken")


async def purge(uow: UnitOfWork, wall: datetime, *, keep: timedelta = KEPT_FOR, limit: int = 10_000) -> int:
    """Forget up to `limit` keys older than `keep` at this wall time; returns how many. Not by the installation's clock:
    whoever moves it by a month must not have commands repeated."""
    return await uow.execute(_PURGE, wall - keep, limit)
