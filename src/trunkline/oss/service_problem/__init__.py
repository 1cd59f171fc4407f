"""Service problems: what is wrong with services, whatever the cause."""
