"""What an installation tells about itself: logs, metrics, health, traces. See README.md."""
