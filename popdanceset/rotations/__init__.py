"""Rotations, once for each array library. `tests/popdanceset/test_rotations.py` compares them.

    arrays              NumPy, frames first: (n, …, 3, 3), the layout of pose tables and of `Poses`
    component_arrays    NumPy, components first: (3, 3, …, n), for inner loops over many frames
    component_tensors   (in hybrik_runner) torch, components first

Components first is a layout for speed. With the frames last, every operation runs along memory, and a product
of 3 × 3 matrices is a few sums of products of long rows instead of n small calls; both inverse kinematics
rest on it (`tests/benchmarks/pose.py`). `component_arrays.components_first` and `frames_first` lead from one
layout to the other.
"""
