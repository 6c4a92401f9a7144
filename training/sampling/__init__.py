"""Sampling dances from a trained network to any music."""
