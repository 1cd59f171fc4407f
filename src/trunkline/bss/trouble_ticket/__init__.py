"""Trouble tickets: what customers and operations complain of, until it is resolved."""
