"""Motions of any source as joints in metres, z up: read from files, checked, and paired with their music."""
