"""Qualification: the business side's question to the network, answered in one call."""
