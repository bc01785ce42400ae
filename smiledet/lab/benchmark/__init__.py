"""Speed and memory, measured: a model on its own, and the whole pipeline."""
