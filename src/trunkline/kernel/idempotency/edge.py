"""The Idempotency-Key header: a POST or PATCH that is sent again is answered from the store."""

import asyncio

import msgspec

from trunkline.kernel.errors import Conflict
from trunkline.kernel.idempotency.store import (
    StoredAnswer,
    check_key,
    input_hash,
    recall,
    remember,
    store_answer,
    stretched,
)
from trunkline.kernel.web import Call, Reply, run

ANSWER_SIZE_MAX = 1 << 20
_METHODS = ("POST", "PATCH")


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it is stored."""

    headers: dict[str, str]
    media_type: str
    has_body: bool
    body: bytes


class _Refused(Exception):
    """Carries an answer that must not commit anything out of the unit of work."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


async def with_idempotency(call: Call) -> Reply:
    """Run the call's handler, once for each Idempotency-Key; goes into `Frame.run`.

    The handler's unit of work, the key and the answer are one transaction. Errors are not stored: after one, the same
    key may be sent again. A replayed answer carries `Idempotency-Replayed: true`.
    Raises Conflict (idempotencyKeyReused, answerNotKept), Invalid for a malformed key.
    """
    key = call.headers.get("idempotency-key")
    endpoint = call.endpoint
    if key is None or endpoint.method not in _METHODS or endpoint.public:
        return await run(call)
    check_key(key)
    operation = f"{endpoint.method} {endpoint.path}"
    places = msgspec.json.encode(dict(sorted(call.path.items())))
    hash_ = input_hash(call.context.actor, operation, places, call.raw_query, call.content)
    if endpoint.secret:
        hash_ = await asyncio.to_thread(stretched, hash_, key)
    if endpoint.asks_outside:
        return await _asking_outside(call, key, operation, hash_)
    try:
        async with call.database.unit_of_work() as uow:
            stored = await remember(uow, call.context, key, operation, hash_)
            if stored is not None:
                return _replayed(stored)
            call.joined = uow
            reply = await run(call)
            if call.is_broken or reply.status >= 400:
                raise _Refused(reply)
            await store_answer(uow, call.context, key, _kept(reply))
    except _Refused as refused:
        return refused.reply
    finally:
        call.joined = None
    return reply


async def _asking_outside(call: Call, key: str, operation: str, hash_: bytes) -> Reply:
    """No transaction is open while a device is asked. Of two at once both ask it, and one answer is kept; after a crash
    between the effect and the answer the command asks again."""
    async with call.database.read() as session:
        stored = await recall(session, call.context, key, operation, hash_)
    if stored is not None:
        return _replayed(stored)
    reply = await run(call)
    if reply.status >= 400:
        return reply
    async with call.database.unit_of_work() as uow:
        stored = await remember(uow, call.context, key, operation, hash_)
        if stored is None:
            await store_answer(uow, call.context, key, _kept(reply))
    return reply if stored is None else _replayed(stored)


def _kept(reply: Reply) -> StoredAnswer:
    secret = "no-store" in reply.headers.get("Cache-Control", "")
    body = reply.encoded()
    if secret or len(body) > ANSWER_SIZE_MAX:
        return StoredAnswer(status=reply.status, answer=None)
    kept = _Kept(dict(reply.headers), reply.media_type, reply.content is not None, body)
    return StoredAnswer(status=reply.status, answer=msgspec.msgpack.encode(kept))


def _replayed(stored: StoredAnswer) -> Reply:
    if stored.answer is None:
        raise Conflict(
            "answerNotKept",
            "This was done before; its answer holds a secret or is too large and was not kept.",
            message="Nothing was done again.",
            path="Idempotency-Key",
            hint="Read the resource, or send a new key to do it again.",
        )
    kept = msgspec.msgpack.decode(stored.answer, type=_Kept)
    headers = {**kept.headers, "Idempotency-Replayed": "true"}
    return Reply(stored.status, kept.body if kept.has_body else None, headers, kept.media_type)
