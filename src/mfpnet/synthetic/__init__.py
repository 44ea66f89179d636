"""Drawn scenes: data that needs no download and knows its own labels."""
