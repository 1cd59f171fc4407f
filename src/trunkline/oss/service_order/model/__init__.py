"""Pure rules of service ordering."""
