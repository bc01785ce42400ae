"""The photo gallery: a page over the store of photographs, and the API under it."""
