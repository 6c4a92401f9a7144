"""Camera cuts, by PySceneDetect's measure of change: its adaptive rule and its content rule."""

from __future__ import annotations

import cv2
import numpy as np

from popdanceset.media import Frame

_WIDTH = 160  # pixels; the mean change of a picture hardly depends on it
_CONTENT = (
    27.0  # PySceneDetect's default: mean change of hue, saturation and value, 0..255, that counts by itself
)
_ADAPTIVE_RATIO = 3.0  # PySceneDetect's default: change over the mean change of the neighbours
_ADAPTIVE_LEAST = 15.0  # PySceneDetect's default: least change, as above, that the adaptive detector looks at
_NEIGHBOURS = 8  # frames on each side whose median change large changes are compared with


class CutDetector:
    """Finds the first frames of new shots.

    The adaptive detector requires a change that stands out from the mean of its four neighbours. It is
    therefore not misled by motion or a shaking camera, but overlooks one of two cuts within its window. There
    the content detector helps, which only requires a large change; it is believed where the change stands out
    by the same ratio from the median of a longer time. Where the source's aspect ratio changes, a new shot
    begins.
    """

    def __init__(self) -> None:
        from scenedetect.detectors import AdaptiveDetector

        self._adaptive = AdaptiveDetector(_ADAPTIVE_RATIO, min_scene_len=1, min_content_val=_ADAPTIVE_LEAST)
        self._times: list[float] = []
        self._changes: list[float] = []
        self._by_ratio: set[int] = set()
        self._by_shape: set[int] = set()

    def see(self, frame: Frame) -> None:
        """Takes the next frame."""
        from scenedetect.common import FrameTimecode

        height, width = frame.image.shape[:2]
        size = (_WIDTH, max(2, round(_WIDTH * height / width)))
        bgr = cv2.cvtColor(cv2.resize(frame.image, size), cv2.COLOR_RGB2BGR)
        # The detector only uses the number; the real times are kept here, whatever the source's rate.
        number = FrameTimecode(len(self._times), 30.0)
        if frame.new_shape:
            self._by_shape.add(len(self._times))
        self._times.append(frame.time)
        self._by_ratio.update(cut.frame_num for cut in self._adaptive.process_frame(number, bgr))
        # The only other way to this number is a costly StatsManager. The content rule is a threshold on it.
        self._changes.append(float(self._adaptive._frame_score or 0.0))

    def cuts(self) -> tuple[float, ...]:
        """Times of the first frames of new shots, seconds, ascending."""
        large = np.flatnonzero(np.array(self._changes) >= _CONTENT).tolist()
        found = self._by_ratio | self._by_shape | {n for n in large if self._stands_out(n)}
        return tuple(self._times[n] for n in sorted(found) if n > 0)

    def _stands_out(self, n: int) -> bool:
        around = self._changes[max(1, n - _NEIGHBOURS) : n + _NEIGHBOURS + 1]
        return self._changes[n] >= _ADAPTIVE_RATIO * float(np.median(around))
