"""Withdrawal of videos: tombstones, erasure of everything derived, and the search for what is left."""
