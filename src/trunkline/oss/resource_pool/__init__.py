"""Pools: numbers, ports, prefixes, VLANs that are handed out one by one, to one holder at a time."""
