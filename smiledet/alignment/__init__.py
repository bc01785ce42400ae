"""From a face box to a chip: landmarks, the symmetric template, the restricted similarity."""
