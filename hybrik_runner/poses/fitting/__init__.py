"""Fitting SMPL's rotations and the root to the keypoints of a whole clip at once. NumPy and SciPy only.

limbs        the points of the limbs as those of one body, whose bones keep a length that is found with them
points       where the points of the limbs lie on the skeleton, and how they move with its rotations
motion       penalties on accelerations of all frames, and the banded equations that they lead to
clip         the fit: the rotations, root and scale that bring SMPL's mean skeleton closest to the limbs
"""
