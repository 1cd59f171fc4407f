"""Accounts: who pays, in which currency, on which cycle."""
