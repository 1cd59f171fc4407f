"""Intents: what is wanted of the network, without saying how."""
