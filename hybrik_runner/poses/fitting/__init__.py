"""Fitting SMPL's rotations and the root to the keypoints of a whole clip at once. NumPy and SciPy only.

points       where the points of the limbs lie on the skeleton, and how they move with its rotations
motion       penalties on accelerations of all frames, and the banded equations that they lead to
clip         the fit: robust Gauss-Newton steps from the smoothed poses
"""
