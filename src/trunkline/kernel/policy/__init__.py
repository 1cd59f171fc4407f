"""Policies: events, conditions, actions, and where they hold."""
