"""Training of the anchor-free face detector."""
