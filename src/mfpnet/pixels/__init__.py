"""Pictures and label maps as arrays: read, written, resized, cut into tiles, drawn."""
