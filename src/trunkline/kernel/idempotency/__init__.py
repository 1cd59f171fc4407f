"""Idempotency keys: one effect for a command that is sent twice. See the README beside this file."""

from trunkline.kernel.idempotency.store import StoredAnswer, check_key, input_hash, purge, remember, store_answer

__all__ = ["StoredAnswer", "check_key", "input_hash", "purge", "remember", "store_answer"]
