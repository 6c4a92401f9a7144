"""Screening: everything that is measured in a video, in one pass over it.

Each measure has a file of its own: it is shown frame after frame, and reports at the end what it saw.
"""
