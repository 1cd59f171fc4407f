"""Service quality: what was promised of services, in numbers."""
