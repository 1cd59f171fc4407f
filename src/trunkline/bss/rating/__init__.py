"""Rating: all price arithmetic, pure, so that a quote, an order and a bill cannot differ."""
