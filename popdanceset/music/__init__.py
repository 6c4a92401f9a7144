"""What a clip dances to: which music it is, and its features."""
