"""Speed and memory of the whole pipeline."""
