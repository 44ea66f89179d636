"""Masks as they are saved, and the classes that their values stand for."""
