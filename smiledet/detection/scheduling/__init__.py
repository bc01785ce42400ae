"""Where in the picture to look for faces next."""
