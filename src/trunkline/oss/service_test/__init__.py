"""Service tests: whether a service does what it should."""
