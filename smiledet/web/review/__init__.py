"""The review page: a clip with its curves, and a person who corrects labels."""
