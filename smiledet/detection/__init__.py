"""Finding faces in a picture, and following them from one to the next."""
