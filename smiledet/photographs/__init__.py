"""Photographs: decoding what a caller has."""
