"""Prepaid balances: buckets, what was added to them and taken from them."""
