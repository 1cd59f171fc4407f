"""Places: addresses, sites and locations that services are qualified against."""
