"""Resource specifications: the kinds of things that services hold."""
