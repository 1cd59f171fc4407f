"""Files of usage: FreeRADIUS detail files, and CDR files as CSV with a declared mapping."""
