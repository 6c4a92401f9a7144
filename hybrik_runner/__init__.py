"""Clip in, pose table out. Runs on GPU workers and on a plain CPU; knows nothing of crawling or Prefect."""
