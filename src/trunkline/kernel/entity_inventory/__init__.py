"""Entities that no other inventory has."""
