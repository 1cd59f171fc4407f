"""Order → activation: a commercial order becomes services on the network, and its products active at that instant."""
