"""The demo operator: a catalog, a network and customers that anyone can start with."""
