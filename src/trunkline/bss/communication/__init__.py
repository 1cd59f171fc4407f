"""Messages to people: what was said to whom, over which channel."""
