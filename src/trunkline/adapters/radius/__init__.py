"""RADIUS: the REST endpoints FreeRADIUS asks (rlm_rest), and Disconnect and CoA towards access servers (RFC 5176)."""
