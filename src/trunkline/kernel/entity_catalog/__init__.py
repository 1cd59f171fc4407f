"""Catalogs of entities that no other catalog has."""
