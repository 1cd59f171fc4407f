"""What a bill holds and how it reads: pure."""
