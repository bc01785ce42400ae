"""The live page: a run's annotated video and readings, and the API under it."""
