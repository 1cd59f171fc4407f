"""Customers: the role in which a party buys."""
