"""COCO's 17 key points out of BlazePose's 33 landmarks."""

from __future__ import annotations

import numpy as np

LANDMARKS = np.array([0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28])
"""BlazePose's index of each COCO joint, in COCO's order; the eyes are their middles."""
