"""The face pictures that networks are trained and measured on."""
