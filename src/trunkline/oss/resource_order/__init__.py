"""Resource orders: what is to be done to resources, step by step."""
