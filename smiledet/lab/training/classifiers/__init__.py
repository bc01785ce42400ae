"""Training of the classification networks."""
