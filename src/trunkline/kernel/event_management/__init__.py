"""Topics for events of clients."""
