"""Kinds of sets, one module each: where their sequences are, what their names mean, and how they are read."""
