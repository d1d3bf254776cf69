"""HTML pages that open without a network: what all have in common."""
