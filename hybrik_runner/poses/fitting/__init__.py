"""Fitting SMPL's rotations, the root and the lengths of limbs to the keypoints of a whole clip at once. NumPy
and SciPy only.

points       where COCO's points lie on the skeleton, and how they move with its rotations
motion       penalties on accelerations of all frames, and the banded equations that they lead to
clip         the fit: robust Gauss-Newton steps from the smoothed poses
"""
