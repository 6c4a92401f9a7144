"""Windows of a release."""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from torch.utils.data import DataLoader

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from training.data import DanceWindows, cache, open_cache, summary
from training.data.__main__ import data
from training.data.representation import MinMaxScaler, encode


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def parts(release_dir: Path) -> tuple[str, str]:
    """The part that contains video BV1 (the larger one), and the other part."""
    with Release(release_dir) as release:
        large = "train" if "BV1_Clip_1" in release.clip_ids("train") else "test"
    return large, "test" if large == "train" else "train"


def test_windows_cover_every_clip_that_is_long_enough(
    release_dir: Path, cache_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large, small = parts(release_dir)
    with caplog.at_level(logging.WARNING):
        windows = DanceWindows(release_dir, large, cache_dir=cache_dir)
    starts = [(windows[n]["clip_id"], windows[n]["start"]) for n in range(len(windows))]
    assert starts == [
        *(("BV1_Clip_1", start) for start in (0, 15)),
        *(("BV1_Clip_2", start) for start in range(0, 251, 15)),
    ]
    assert "1 of 3" in caplog.text
    assert len(DanceWindows(release_dir, small, cache_dir=cache_dir)) == 4


def test_a_window_is_the_clip_encoded_and_scaled(release_dir: Path, cache_dir: Path) -> None:
    large, _ = parts(release_dir)
    windows = DanceWindows(release_dir, large, cache_dir=cache_dir)
    sample = next(w for w in windows if (w["clip_id"], w["start"]) == ("BV1_Clip_2", 30))  # type: ignore[attr-defined]
    with Release(release_dir) as release:
        frames = release.frames("BV1_Clip_2")
        music = release.music("BV1_Clip_2")
    vectors = encode(torch.tensor(frames["smpl_poses"]), torch.tensor(frames["smpl_trans"] / np.float32(1.1)))
    assert sample["motion"].dtype == sample["music"].dtype == torch.float32
    torch.testing.assert_close(sample["motion"], windows.scaler.scale(vectors[30:180]))
    torch.testing.assert_close(sample["music"], windows.music_scaler(torch.tensor(music[30:180])))


def test_the_scaler_knows_the_training_part_only(release_dir: Path, cache_dir: Path) -> None:
    motion = {}
    for part in ("train", "test"):
        windows = DanceWindows(release_dir, part, cache_dir=cache_dir)
        motion[part] = windows.scaler
    assert torch.equal(motion["train"].minimum, motion["test"].minimum)
    with Release(release_dir) as release:
        train = set(release.clip_ids("train")) - {"BV4_Clip_1"}  # without music it is not trained on
        highest = max(
            (release.frames(c)["smpl_trans"] / release.frames(c)["smpl_scaling"])[:, 2].max() for c in train
        )
    assert motion["train"].maximum[2].item() == pytest.approx(highest, rel=1e-6)
    given = MinMaxScaler(torch.full((156,), -9.0), torch.full((156,), 9.0))
    assert (
        DanceWindows(release_dir, "train", scaler=given, cache_dir=cache_dir)[0]["motion"].abs().max() < 0.5
    )


def test_workers_get_the_same_windows(release_dir: Path, cache_dir: Path) -> None:
    windows = DanceWindows(release_dir, parts(release_dir)[0], cache_dir=cache_dir)
    assert windows[0]["motion"].shape == (150, 156)
    assert len(pickle.dumps(windows)) < 40_000  # paths and places, no arrays
    copy = pickle.loads(pickle.dumps(windows))  # noqa: S301 - our own
    assert torch.equal(copy[3]["motion"], windows[3]["motion"])
    batch = next(iter(DataLoader(windows, batch_size=4)))
    assert batch["motion"].shape == (4, 150, 156)
    assert batch["music"].shape == (4, 150, 35)
    assert len(batch["clip_id"]) == 4


def test_the_cache_is_made_once_for_each_content(
    release_dir: Path, cache_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Release(release_dir) as release:
        first = open_cache(release, cache_dir)
    moved = release_dir.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(cache, "_fill", None)  # would fail if it were called again
    with Release(moved) as release:
        assert open_cache(release, cache_dir) == first
    assert [path.name for path in cache_dir.iterdir()] == [first.folder.name]


def test_an_interrupted_cache_is_not_used(
    release_dir: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Release(release_dir) as release:
        with monkeypatch.context() as patch:
            patch.setattr(cache, "motion_vectors", interrupt)
            with pytest.raises(KeyboardInterrupt):
                open_cache(release, cache_dir)
        assert list(cache_dir.iterdir()) == []
        assert open_cache(release, cache_dir).array("motion").shape == (810, 156)


def test_another_process_may_be_faster(
    release_dir: Path, cache_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = cache._fill
    with Release(release_dir) as release:

        def overtaken(folder: Path, *rest: object) -> None:
            fill(folder, *rest)  # type: ignore[arg-type]
            monkeypatch.setattr(cache, "_fill", fill)
            open_cache(release, cache_dir)

        monkeypatch.setattr(cache, "_fill", overtaken)
        opened = open_cache(release, cache_dir)
    assert [path.name for path in cache_dir.iterdir()] == [opened.folder.name]


@pytest.mark.parametrize("name", ["motion.npy", "music.npy"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"garbage" * 1000),
        lambda path: path.write_bytes(path.read_bytes().replace(b"'<f4'", b"'<f4 ", 1)),
        lambda path: np.save(path, np.zeros((809, 156), np.float32)),
        lambda path: np.save(path, np.zeros((810, 156), np.float64)),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["missing", "empty", "cut", "last byte", "garbage", "header", "shape", "type", "folder"],
)
def test_a_damaged_cache_is_written_again(
    release_dir: Path,
    cache_dir: Path,
    name: str,
    spoil: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Release(release_dir) as release:
        first = open_cache(release, cache_dir)
        whole = {kind: np.array(first.array(kind)) for kind in ("motion", "music")}
        assert not caplog.text
        spoil(first.folder / name)
        again = open_cache(release, cache_dir)
        assert f"{first.folder} is damaged ({name}" in caplog.text
        assert "it is written again" in caplog.text
        for kind, values in whole.items():
            np.testing.assert_array_equal(again.array(kind), values)
    assert [path.name for path in cache_dir.iterdir()] == [first.folder.name]
    assert sorted(path.name for path in first.folder.iterdir()) == ["motion.npy", "music.npy"]


def test_a_cache_that_cannot_be_written_is_one_line(release_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with Release(release_dir) as release, pytest.raises(InputError, match="not writable"):
        open_cache(release, tmp_path / "file" / "cache")


def test_what_cannot_be_trained_on_is_reported(
    make_release: Callable[..., Path], synthetic: ModuleType, cache_dir: Path
) -> None:
    row = synthetic.clip_row
    short = make_release([row("BV1_Clip_1", 100), row("BV1_Clip_2", 149)])
    message = (
        r"all 2 clips of the part 'train' are shorter than a window of 150 frames \(the longest has 149\)"
    )
    with pytest.raises(InputError, match=message):
        DanceWindows(short, "train", cache_dir=cache_dir)
    with pytest.raises(InputError, match="cannot cut windows of 150 frames every 0"):
        DanceWindows(short, "train", stride=0, cache_dir=cache_dir)
    with pytest.raises(InputError, match="no clip of the part 'test' has music"):
        DanceWindows(short, "test", length=50, cache_dir=cache_dir)
    with pytest.raises(InputError, match="no split 'validation'"):
        DanceWindows(short, "validation", cache_dir=cache_dir)


def test_a_release_without_music_is_refused(
    make_release: Callable[..., Path], synthetic: ModuleType, cache_dir: Path
) -> None:
    silent = make_release([synthetic.clip_row("BV1_Clip_1", 170, music_path="")])
    with pytest.raises(InputError, match=r"has no 'baseline' music features \(it has: none\)"):
        DanceWindows(silent, "train", cache_dir=cache_dir)


def test_nan_is_refused(release_dir: Path, cache_dir: Path) -> None:
    (path,) = (release_dir / "music").glob("baseline-train-*")
    with pq.ParquetFile(path) as file:
        groups = [file.read_row_group(n) for n in range(file.num_row_groups)]
    broken = pa.FixedSizeListArray.from_arrays(
        pa.array(np.full(len(groups[1]) * 35, np.nan, np.float32)),
        type=groups[1].schema.field("features").type,
    )
    groups[1] = groups[1].set_column(2, groups[1].schema.field("features"), broken)
    with pq.ParquetWriter(path, groups[0].schema) as file:
        for group in groups:
            file.write_table(group)
    with pytest.raises(InputError, match="music of clip BV1_Clip_2 contains NaN or infinity"):
        DanceWindows(release_dir, "train", cache_dir=cache_dir)


def test_the_summary_counts_clips_and_windows(release_dir: Path) -> None:
    large, small = parts(release_dir)
    lines = {line.split()[0]: line.split() for line in summary(release_dir).splitlines()}
    assert lines[large][1:] == ["4", "3", "19", "150", "×", "156", "150", "×", "35"]
    assert lines[small][1:4] == ["1", "1", "4"]


def test_the_module_is_a_command(
    make_release: Callable[..., Path], synthetic: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    folder = make_release([synthetic.clip_row("BV1_Clip_1", 170), synthetic.clip_row("BV2_Clip_1", 30, "m2")])
    result = CliRunner().invoke(data, [str(folder)])
    assert "150 × 156" in result.output
    assert CliRunner().invoke(data, []).exit_code == 2
    done = subprocess.run(
        [sys.executable, "-m", "training.data", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "is not a release" in done.stderr
