"""The contract checker: drives what is served as the published contracts say, and judges every answer by them."""
