"""Imports motion sets of others into the store, as though our own stages had made their rows."""
