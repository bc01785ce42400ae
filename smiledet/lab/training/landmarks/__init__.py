"""Training of the landmark models."""
