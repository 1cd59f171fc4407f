"""Resources: physical and logical things in the network, and who holds them."""
