"""A table of what training can read from a release."""

from __future__ import annotations

from pathlib import Path

from popdanceset.release.reader import Release
from training.data.cache import open_cache
from training.data.representation import WIDTH
from training.data.windows import LENGTH, DanceWindows


def summary(release_dir: str | Path, cache_dir: Path | None = None) -> str:
    """Clips, windows and shapes of each part of a release, as a small table.

    Raises:
        InputError: as `DanceWindows`, if no part has a single window.
    """
    with Release(release_dir) as release:
        clips = {part: len(release.clip_ids(part)) for part in release.info.splits}
        spans = open_cache(release, cache_dir).spans
    usable = {span.split for span in spans if span.frames >= LENGTH} or {"train"}
    lines = [f"{'part':<6} {'clips':>6} {'with music':>10} {'windows':>8}  {'motion':<12} music"]
    for part, count in clips.items():
        with_music = sum(span.split == part for span in spans)
        line = f"{part:<6} {count:>6} {with_music:>10}"
        if part in usable:
            windows = DanceWindows(release_dir, part, cache_dir=cache_dir)
            motion = f"{windows.length} × {WIDTH}"
            lines.append(f"{line} {len(windows):>8}  {motion:<12} {windows.length} × {windows.music_width}")
        else:
            lines.append(f"{line} {0:>8}  –{'':<11} –")
    return "\n".join(lines)
