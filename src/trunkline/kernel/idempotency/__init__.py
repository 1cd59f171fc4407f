"""Idempotency keys: one effect for a command that is sent twice. See the README beside this file."""
