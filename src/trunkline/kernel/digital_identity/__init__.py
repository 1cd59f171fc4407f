"""Digital identities of people, parties and resources."""
