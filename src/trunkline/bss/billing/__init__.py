"""Billing: bill runs, legal numbers, immutable bills and their explanation (TMF678)."""
