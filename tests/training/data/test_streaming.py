"""Windows of a release on a web server: those of a local copy, with bounded disk and few bytes."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.utils.data import DataLoader

from popdanceset.errors import InputError, StoreError
from training.data import DanceWindows, summary
from training.data.shuffled_batches import ShuffledBatches
from training.train import train

CLIP_BYTES = 200 * (156 + 35) * 4 + 128
LIMIT = 3 * CLIP_BYTES


@pytest.fixture
def dozen(make_release: Callable[..., Path], synthetic: ModuleType) -> Path:
    """Twelve clips of 200 frames, one of them without music."""
    rows = [synthetic.clip_row(f"BV{n}_Clip_1", 200, f"m{n}") for n in range(11)]
    return make_release([*rows, synthetic.clip_row("BV11_Clip_1", 200, "m11", music_path="")])


@pytest.fixture
def server(dozen: Path, web: ModuleType) -> Iterator[Any]:
    with web.serve(dozen) as server:
        yield server


@pytest.fixture
def local(dozen: Path, tmp_path: Path) -> DanceWindows:
    return DanceWindows(dozen, "train", cache_dir=tmp_path / "local")


def cached(folder: Path) -> int:
    """Bytes of the cached clips."""
    return sum(path.stat().st_size for path in folder.rglob("*.npy"))


def test_streamed_windows_are_the_local_ones(server: Any, local: DanceWindows, tmp_path: Path) -> None:
    streamed = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote")
    assert streamed.cache is None
    assert local.cache is not None
    assert len(streamed) == len(local) > 20
    assert streamed.content == local.content
    assert streamed.music_width == local.music_width
    for name in ("minimum", "maximum"):
        assert torch.equal(getattr(streamed.scaler, name), getattr(local.scaler, name))
    for name in ("mean", "deviation"):
        assert torch.equal(getattr(streamed.music_scaler, name), getattr(local.music_scaler, name))
    for number in range(len(local)):
        one, other = streamed[number], local[number]
        assert (one["clip_id"], one["start"]) == (other["clip_id"], other["start"])
        assert torch.equal(one["motion"], other["motion"])
        assert torch.equal(one["music"], other["music"])


def test_an_epoch_is_shuffled_over_all_clips_and_can_be_resumed(
    server: Any, local: DanceWindows, tmp_path: Path
) -> None:
    streamed = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote", cache_bytes=LIMIT)
    batches, expected = ShuffledBatches(streamed, 5, seed=3), ShuffledBatches(local, 5, seed=3)
    steps = -(-len(local) // 5)
    seen = np.concatenate([batches.numbers(step) for step in range(steps)])[: len(local)]
    assert sorted(seen) == list(range(len(local)))
    assert len({streamed.clips[streamed._windows[n][0]].clip_id for n in seen[:10]}) > 4
    whole = {}
    for step, motion, music in batches.stream(0, steps):
        whole[step] = motion
        assert torch.equal(motion, expected.batch(step)[0])
        assert torch.equal(music, expected.batch(step)[1])
        assert cached(tmp_path / "remote") <= LIMIT
    assert cached(tmp_path / "remote") > CLIP_BYTES
    restarted = DanceWindows(server.address, "train", cache_dir=tmp_path / "again", cache_bytes=CLIP_BYTES)
    for step, motion, _ in ShuffledBatches(restarted, 5, seed=3).stream(4, steps):
        assert torch.equal(motion, whole[step])


def test_each_clip_is_fetched_once_if_the_cache_is_large_enough(server: Any, tmp_path: Path) -> None:
    streamed = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote")
    for _ in ShuffledBatches(streamed, 5, seed=0).stream(0, 12):
        pass
    requests = [(name, first) for name, first, count in server.requests if count > 1]
    groups = [request for request in requests if "/meta/" not in request[0]]
    assert len(groups) == len(set(groups))
    before = len(server.requests)
    again = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote")  # a later run
    for _ in ShuffledBatches(again, 5, seed=1).stream(0, 12):
        pass
    fetched = {name for name, _, _ in server.requests[before:]}
    assert fetched == {"/meta/info.json", "/meta/clips.parquet", "/meta/rows.parquet"}


def test_only_the_columns_of_training_are_fetched(server: Any, dozen: Path, tmp_path: Path) -> None:
    streamed = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote")
    for _ in ShuffledBatches(streamed, 8, seed=0).stream(0, 6):
        pass
    assert server.sent < sum(path.stat().st_size for path in dozen.rglob("*.parquet")) / 2


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_stream_too(server: Any, local: DanceWindows, tmp_path: Path, workers: int) -> None:
    streamed = DanceWindows(server.address, "train", cache_dir=tmp_path / "remote", cache_bytes=LIMIT)
    assert torch.equal(streamed[0]["motion"], local[0]["motion"])  # connections are open before the fork
    assert len(pickle.dumps(streamed)) < 40_000
    numbers = 0
    for batch in DataLoader(streamed, batch_size=4, num_workers=workers):
        for row in range(len(batch["motion"])):
            assert torch.equal(batch["motion"][row], local[numbers]["motion"])
            numbers += 1
        assert cached(tmp_path / "remote") <= LIMIT
    assert numbers == len(local)


def test_a_local_release_can_be_streamed(dozen: Path, local: DanceWindows, tmp_path: Path) -> None:
    streamed = DanceWindows(dozen, "train", cache_dir=tmp_path / "x", stream=True, cache_bytes=2 * CLIP_BYTES)
    assert torch.equal(streamed[7]["motion"], local[7]["motion"])
    assert cached(tmp_path / "x") <= 2 * CLIP_BYTES
    given = DanceWindows(
        dozen, "test", scaler=local.scaler, music_scaler=local.music_scaler, stream=True,
        cache_dir=tmp_path / "y",
    )  # fmt: skip
    assert cached(tmp_path / "y") == 0  # with given scalers, opening fetches nothing
    assert given[0]["motion"].shape == (150, 156)


def test_a_remote_release_can_be_copied(server: Any, local: DanceWindows, tmp_path: Path) -> None:
    copied = DanceWindows(server.address, "train", cache_dir=tmp_path / "x", stream=False)
    before = len(server.requests)
    assert torch.equal(copied[3]["motion"], local[3]["motion"])
    assert len(server.requests) == before


def test_a_connection_that_is_lost_is_one_line_and_can_be_resumed(
    server: Any, local: DanceWindows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popdanceset.remote_files.PAUSE", 0.001)
    streamed = DanceWindows(
        server.address, "train", scaler=local.scaler, music_scaler=local.music_scaler,
        cache_dir=tmp_path / "remote",
    )  # fmt: skip
    streamed[0]
    server.faults = ["503"] * 8
    with pytest.raises(StoreError, match="the server is busy"):
        streamed[len(streamed) - 1]
    server.faults = []
    assert torch.equal(streamed[len(streamed) - 1]["motion"], local[len(local) - 1]["motion"])


def test_a_stranger_that_claims_the_same_content_does_not_fill_the_same_cache(
    server: Any, local: DanceWindows, tmp_path: Path, synthetic: ModuleType, web: ModuleType
) -> None:
    import shutil

    from popdanceset.release.reader import Release

    with Release(server.address) as release:
        content = release.content
    stranger = tmp_path / "stranger"
    shutil.copytree(server.folder, stranger)
    info = json.loads((stranger / "meta/info.json").read_text())
    assert info["content"] == content
    caches = tmp_path / "shared"
    with web.serve(stranger) as other:
        DanceWindows(other.address, "train", cache_dir=caches)
    DanceWindows(server.address, "train", cache_dir=caches)
    assert len([path for path in caches.iterdir() if path.is_dir() and path.name[0] != "."]) == 2


def test_what_cannot_be_streamed_is_one_line(server: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="not writable"):
        DanceWindows(server.address, "train", cache_dir=tmp_path / "file/cache")
    with pytest.raises(InputError, match="has no 'jukebox' music features"):
        DanceWindows(server.address, "train", cache_dir=tmp_path, extractor="jukebox")
    with pytest.raises(InputError, match="no split 'validation'"):
        DanceWindows(server.address, "validation", cache_dir=tmp_path)


def test_the_summary_of_a_remote_release_reads_no_frames(server: Any) -> None:
    assert "150 × 156" in summary(server.address)
    assert {name for name, _, _ in server.requests} == {
        "/meta/info.json", "/meta/clips.parquet", "/meta/rows.parquet"
    }  # fmt: skip


def test_train_on_an_address(server: Any, dozen: Path, tmp_path: Path) -> None:
    sizes = ["width=32", "feedforward=32", "heads=4", "layers=1", "music_layers=1"]
    options = ["--window", "30", "--stride", "30", "--batch-size", "4", "--steps", "2", "--device", "cpu"]
    options += [word for size in sizes for word in ("--model", size)]

    def run(release: str, *more: str) -> Any:
        command = ["--release", release, "--out", str(tmp_path / "run"), *options, *more]
        return CliRunner().invoke(train, command, catch_exceptions=False)

    limit = 4 * CLIP_BYTES
    remote = run(server.address, "--cache", str(tmp_path / "remote"), "--cache-size", f"{limit / 1e9}")
    assert remote.exit_code == 0
    assert "2 steps finished" in remote.output
    assert 0 < cached(tmp_path / "remote") <= limit
    # The same run goes on from a local copy: its windows are the same.
    options[options.index("2")] = "3"
    assert "3 steps finished" in run(str(dozen), "--cache", str(tmp_path / "local")).output
