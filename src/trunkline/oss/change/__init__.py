"""Changes: planned work on the network, approved before it is done."""
