"""Where annotated frames go: one file a kind of sink."""
