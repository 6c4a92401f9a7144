"""Screening: camera cuts, camera shake and dancers, measured in one pass over a video.

Each measure is a file of its own: it is shown picture after picture and tells in the end what it saw.
"""
