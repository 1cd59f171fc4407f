"""Alarms: what the network complains of (X.733), and the incidents they add up to."""
