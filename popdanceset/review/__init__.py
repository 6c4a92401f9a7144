"""The review room: people look at clips and poses and decide; the pipeline obeys (README.md)."""
