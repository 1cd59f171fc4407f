"""Trunkline: one product for both halves of a telecom operator."""

__version__ = "0.1.0"
