"""What can be read from a face: one file a task."""
