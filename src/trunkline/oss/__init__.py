"""The network side: what realises a product, where it stands and how it works."""
