"""Trunkline: one product for both halves of a telecom operator."""
