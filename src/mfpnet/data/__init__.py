"""Data sets behind one face: the known ones, and those made of others."""
