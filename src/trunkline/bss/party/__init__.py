"""People and organizations; they exist once, whatever roles they play."""
