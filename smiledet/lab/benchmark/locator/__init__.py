"""The face locator against a full scan of every frame."""
