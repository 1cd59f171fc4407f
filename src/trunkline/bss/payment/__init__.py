"""Payments: how customers pay, what they paid and what was given back."""
