"""Partners: with whom the operator sells, and how revenue is shared."""
