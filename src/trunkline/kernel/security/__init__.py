"""Who may do what: principals, keys, passwords, tokens, roles; and the sealed audit trail. See README.md."""
