"""Reconciliation: what the two halves and the network believe, compared; every difference named."""
