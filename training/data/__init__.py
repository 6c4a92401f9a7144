"""Dances of a release as windows of scaled motion and music: what a training reads.

from training.data import DanceWindows

windows = DanceWindows("releases/2.0", "train")
windows[0]["motion"]  # (150, 156) float32, scaled
"""

from training.data.cache import open_cache
from training.data.summary import summary
from training.data.windows import DanceWindows

__all__ = ["DanceWindows", "open_cache", "summary"]
