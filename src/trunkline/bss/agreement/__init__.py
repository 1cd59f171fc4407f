"""Agreements: what parties have signed, and for how long."""
