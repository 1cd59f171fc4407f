"""Kea DHCP: address reservations of subscribers' devices over its control agent."""
