"""Media files: what they contain, their upright frames at true times, and their sound. Nothing else decodes.

Real files are odd, and every kind of oddness is dealt with in one place, so that probing, screening, cutting,
pose extraction and overlays agree:

    container.py   opens a file and reads its packets, past damaged ones
    timeline.py    which track is the video, and when each packet is shown: jumps and restarts of time stamps
    geometry.py    pixels that are not square, display matrices, sizes that change in the middle
    decoding.py    `probe`, `frames`
    sound.py       audio blocks by time, whatever changes in the middle
"""

from popdanceset.media.container import opened
from popdanceset.media.decoding import Frame, Probe, frames, probe

__all__ = ["Frame", "Probe", "frames", "opened", "probe"]
