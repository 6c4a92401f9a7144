"""Releases: versioned, self-describing folders of parquet files; how they are written and read."""
