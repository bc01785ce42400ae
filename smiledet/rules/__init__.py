"""When something is seen, do something: conditions on the faces of a frame, and actions."""
