"""Poses for other programs and for the eye: HybrIK's `res.pk` and overlays on the video."""
