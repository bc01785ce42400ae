"""Labelled photographs in the layouts in which their authors published them."""
