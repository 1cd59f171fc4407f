"""Installed products: what a customer has, since when, at the price as sold."""
