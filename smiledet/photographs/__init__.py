"""Photographs: finding the faces in them."""
