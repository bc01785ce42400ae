"""The threads: one file a stage."""
