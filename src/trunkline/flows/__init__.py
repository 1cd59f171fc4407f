"""The closed loops: the only code that knows both sides."""
