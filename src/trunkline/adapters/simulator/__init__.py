"""A simulated access network: real behaviour of the parts that a machine without a laboratory lacks."""
