"""Activation: bringing a configuration about in the network, by drivers with one contract."""
