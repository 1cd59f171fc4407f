"""The business side: who buys what, for how much, and what they owe."""
