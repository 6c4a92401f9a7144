"""A table of what training can read from a release."""

from __future__ import annotations

from pathlib import Path

from popdanceset.release.reader import Release
from training.data.cache import clip_spans
from training.data.representation import WIDTH
from training.data.windows import LENGTH, STRIDE


def summary(release_dir: str | Path, extractor: str = "baseline") -> str:
    """Clips, windows and shapes of each part of a release, as a small table; reads no frames.

    Raises:
        InputError: it is not a release, or has no such music features.
    """
    with Release(release_dir) as release:
        clips = {part: len(release.clip_ids(part)) for part in release.info.splits}
        spans, _ = clip_spans(release, extractor)
        width = release.info.music[extractor].width
    lines = [f"{'part':<6} {'clips':>6} {'with music':>10} {'windows':>8}  {'motion':<12} music"]
    for part, count in clips.items():
        mine = [span for span in spans if span.split == part]
        windows = sum(len(range(0, span.frames - LENGTH + 1, STRIDE)) for span in mine)
        line = f"{part:<6} {count:>6} {len(mine):>10} {windows:>8}  "
        motion = f"{LENGTH} × {WIDTH}"
        lines.append(f"{line}{motion:<12} {LENGTH} × {width}" if windows else f"{line}–{'':<11} –")
    return "\n".join(lines)
