"""From Keras networks to the files that engines run."""
