"""What training and reading take of the machine."""
