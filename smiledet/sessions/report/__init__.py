"""Reports of what was seen, from events or a store: gathered, and written as one page."""
