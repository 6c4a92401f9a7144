"""Killed at random moments, on a full disk, in an unreadable folder: resumed, or refused with one line."""

import contextlib
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from popdanceset.atomic import PARTIAL
from popdanceset.errors import InputError, PopDanceSetError, StoreError
from popdanceset.media import frames, probe
from popdanceset.schema import CLIPS, VIDEOS
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.tables import from_rows
from popdanceset.video.acquire import acquire_video
from popdanceset.video.cutting import cut
from popdanceset.video.ytdlp import check_space

BVID = "BV1xx411c7mD"

PROGRAM = """
import sys
from types import SimpleNamespace
import numpy as np
from popdanceset.settings import Settings
from popdanceset.store import Store
from popdanceset.video.acquire import acquire_video

def somebody(image, near=None):
    height, width = image.shape[:2]
    return np.array([[width / 2, height / 2, 0.4 * height, 0.9]])

video = SimpleNamespace(
    bvid=sys.argv[2], duration=None, pages=1, mid=1, tid=None, tid_v2=None, title="", tags=()
)
store = Store(sys.argv[1])
store.sweep()
acquire_video(video, Settings(), store, somebody)
"""


def downloaded(store: Store, stage: Any, folder: Path) -> None:
    """A store that contains the video already: two shots, 9.3 s."""
    walls = stage.wall(0), stage.wall(1)
    pictures = [stage.picture(walls[n >= 140], people=[stage.dancer(n)]) for n in range(280)]
    path = stage.write(folder / "film.mp4", pictures)
    row = {"bvid": BVID, "page": 1, "path": f"media/{BVID}/p1.mp4", "sha256": "x", "duration": 280 / 30}
    row |= {"accepted": True, "reason": "", "note": ""}
    store.put(path, row["path"])
    store.write_table(f"videos/{BVID}.parquet", from_rows([row], VIDEOS), VIDEOS)


def run(store: Store) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", PROGRAM, store.address, BVID], env=environment)


def check(store: Store) -> list[dict[str, Any]]:
    """Rows of the store; every clip they list is whole."""
    rows = store.read_table("clips", CLIPS).to_pylist()
    for row in rows:
        if row["accepted"]:
            with store.local(row["path"]) as path:
                assert probe(path).frames == row["frames"] == sum(1 for _ in frames(path, 36))
    return rows


def test_killed_at_random_moments(stage: Any, store: Store, tmp_path: Path) -> None:
    downloaded(store, stage, tmp_path)
    moments = random.Random(0)
    for _ in range(3):
        process = run(store)
        time.sleep(moments.uniform(1.0, 4.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
        check(store)
    assert run(store).wait() == 0
    rows = check(store)
    assert [(row["clip_id"], row["frames"]) for row in rows] == [
        (f"{BVID}_Clip_1", 139), (None, 0), (f"{BVID}_Clip_2", 139),
    ]  # fmt: skip
    root = Path(store.address)
    assert not list(root.rglob(f"{PARTIAL}*"))
    assert not list(root.glob(".scratch/*"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_one_line(stage: Any, small_disk: Path, tmp_path: Path, settings: Settings) -> None:
    store = Store(small_disk)
    downloaded(store, stage, tmp_path)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    video = _video()
    with pytest.raises(StoreError) as caught:
        acquire_video(video, settings, store, stage.find_ovals)
    assert "\n" not in str(caught.value)
    assert not store.list("clips")
    filler.unlink()
    rows = acquire_video(video, settings, store, stage.find_ovals)
    assert [row["frames"] for row in rows] == [139, 0, 139]
    check(store)


def test_a_full_disk_while_cutting(stage: Any, small_disk: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (720, 1280, 3), dtype=np.uint8) for _ in range(30)]
    path = stage.write(tmp_path / "noise.mp4", noisy)
    with pytest.raises(PopDanceSetError) as caught:
        cut(path, 0.0, 1.0, small_disk / "clip.mp4", None)
    assert isinstance(caught.value, StoreError)


def test_a_limit_of_file_sizes_is_no_damage_of_the_video(stage: Any, tmp_path: Path) -> None:
    """Found by the fault bed: clips that may not be written made their video count as damaged for good."""
    rng = np.random.default_rng(0)
    noisy = [rng.integers(0, 255, (360, 640, 3), dtype=np.uint8) for _ in range(30)]
    path = stage.write(tmp_path / "noise.mp4", noisy)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(StoreError, match="File too large"):
            cut(path, 0.0, 1.0, tmp_path / "clip.mp4", None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_too_little_space_is_reported_before(tmp_path: Path) -> None:
    check_space(tmp_path, 0, 0)
    with pytest.raises(StoreError, match=r"MB are needed \(free some space"):
        check_space(tmp_path, 1e18, 0)


def test_a_folder_in_the_way_is_one_line(
    stage: Any, store: Store, tmp_path: Path, settings: Settings
) -> None:
    """A store whose media cannot be written: a file lies where the folder should be."""
    Path(store.address).mkdir()
    (Path(store.address) / "media").write_text("in the way")
    with pytest.raises((StoreError, InputError)) as caught:
        acquire_video(_video(), settings, store, stage.find_ovals)
    assert "media" in str(caught.value)
    assert "\n" not in str(caught.value)


def _video() -> Any:
    from popdanceset.manifest import ManifestVideo

    return ManifestVideo(BVID, 1.0, mid=1)
