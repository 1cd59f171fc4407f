"""The stories of the product (S1 …): each plays a scenario through the public API of a throw-away installation."""
