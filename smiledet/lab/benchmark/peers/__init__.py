"""Other programs on the same pictures."""
