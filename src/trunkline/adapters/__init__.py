"""One package a foreign protocol or product."""
