"""Performance: what is measured in the network, and where it becomes too much."""
