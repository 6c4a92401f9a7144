"""The same music gets the same id, one video at a time, and no id ever changes silently."""

from __future__ import annotations

import logging
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from popdanceset import layout
from popdanceset.errors import InputError, MediaError, StoreError
from popdanceset.music import identity
from popdanceset.music.command import music as music_command
from popdanceset.music.identity import identify, shared_music
from popdanceset.music.merges import PairState, aliases, decide, joined, pairs, propose
from popdanceset.schema import FINGERPRINTS
from popdanceset.settings import Settings
from popdanceset.store import Store

RATE = 16_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The pitch fingerprint only, which is available everywhere."""
    return Settings.load(overrides={"store": str(tmp_path / "store"), "music": {"methods": "pitch"}})


def melody(seed: int, seconds: float) -> np.ndarray:
    """Random chords, three per second: (n,) float in -1..1 at `RATE`."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    chord = (time * 3).astype(int)
    notes = rng.integers(48, 84, (chord.max() + 1, 3))
    waves = np.sin(2 * np.pi * 440 * 2 ** ((notes[chord] - 69) / 12) * time[:, None])
    return waves.sum(1) / 4 * np.exp(-((time * 3) % 1))


def recorded(folder: Path, name: str, sound: np.ndarray) -> Path:
    soundfile.write(folder / name, sound, RATE)
    return folder / name


def test_copies_and_excerpts_share_an_id_and_others_do_not(
    tmp_path: Path, settings: Settings, store: Store
) -> None:
    piece = melody(1, 30)
    rng = np.random.default_rng(0)
    first = identify(recorded(tmp_path, "a.wav", piece), "BV1", 1, settings, store)
    copy = identify(recorded(tmp_path, "b.wav", piece), "BV2", 1, settings, store)
    excerpt = 0.3 * piece[5 * RATE : 20 * RATE] + rng.normal(0, 0.003, 15 * RATE)
    part = identify(recorded(tmp_path, "c.wav", excerpt), "BV3", 2, settings, store)
    other = identify(recorded(tmp_path, "d.wav", melody(2, 30)), "BV4", 1, settings, store)
    assert first == copy == part != other
    assert first.startswith("sound:")
    assert shared_music(store) == {first: ["BV1", "BV2", "BV3_p2"], other: ["BV4"]}
    assert pairs(store) == []


def test_silent_videos_share_no_music(tmp_path: Path, settings: Settings, store: Store) -> None:
    for bvid in ("BV1", "BV2"):
        path = recorded(tmp_path, "a.wav", np.zeros(RATE))
        assert identify(path, bvid, 1, settings, store) == f"silent:{bvid}"
    assert store.list("fingerprints") == []


def test_a_file_that_is_not_a_video_is_named(tmp_path: Path, settings: Settings, store: Store) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        identify(tmp_path / "text.mp4", "BV1", 1, settings, store)
    with pytest.raises(InputError, match=r"gone\.mp4"):
        identify(tmp_path / "gone.mp4", "BV1", 1, settings, store)


def test_audio_shorter_than_any_fingerprint_is_identified_by_its_hash(
    tmp_path: Path, settings: Settings, store: Store
) -> None:
    path = recorded(tmp_path, "a.wav", melody(1, 0.2))
    other = recorded(tmp_path, "b.wav", melody(2, 0.2))
    first = identify(path, "BV1", 1, settings, store)
    assert identify(path, "BV2", 1, settings, store) == first
    assert identify(other, "BV3", 1, settings, store) != first


def test_a_video_between_two_known_pieces_proposes_and_changes_nothing(
    tmp_path: Path, settings: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = melody(1, 20), melody(2, 20)
    a = identify(recorded(tmp_path, "a.wav", one), "BV1", 1, settings, store)
    b = identify(recorded(tmp_path, "b.wav", two), "BV2", 1, settings, store)
    before = {name: store.read_bytes(name) for name in store.list("fingerprints")}
    with caplog.at_level(logging.WARNING):
        both = identify(recorded(tmp_path, "c.wav", np.concatenate([one, two])), "BV3", 1, settings, store)
    assert both in (a, b)
    assert before == {name: store.read_bytes(name) for name in before}
    assert "popdanceset music merge" in caplog.text
    (row,) = pairs(store, PairState.PROPOSED)
    assert (row["first"], row["second"], row["bvid"]) == (*sorted((a, b)), "BV3")
    assert aliases(store) == {}

    run = CliRunner()
    shown = run.invoke(music_command, ["list", "--store", settings.store], catch_exceptions=False).output
    assert f"{row['first']} {row['second']}: proposed by BV3" in shown
    merged = run.invoke(music_command, ["merge", a, b, "--store", settings.store], catch_exceptions=False)
    assert merged.output == f"{a} and {b} are one piece, {min(a, b)}\n"
    assert aliases(store) == {a: min(a, b), b: min(a, b)}
    later = identify(recorded(tmp_path, "d.wav", two[RATE:]), "BV4", 1, settings, store)
    assert later == min(a, b)

    run.invoke(music_command, ["refuse", a, b, "--store", settings.store], catch_exceptions=False)
    assert aliases(store) == {}
    assert pairs(store, PairState.PROPOSED) == []


def test_identifying_again_keeps_the_id(tmp_path: Path, settings: Settings, store: Store) -> None:
    path = recorded(tmp_path, "a.wav", melody(1, 10))
    first = identify(path, "BV1", 1, settings, store)
    stamp = store.modified(layout.fingerprints("BV1"))
    assert identify(path, "BV1", 1, settings, store) == first
    assert store.modified(layout.fingerprints("BV1")) == stamp
    # Downloaded again with other audio: the fingerprints are those of the new audio.
    second = identify(recorded(tmp_path, "b.wav", melody(2, 10)), "BV1", 1, settings, store)
    assert second != first
    assert shared_music(store) == {second: ["BV1"]}


def test_a_killed_run_leaves_nothing_half_done(
    tmp_path: Path, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    path = recorded(tmp_path, "a.wav", melody(1, 10))
    with monkeypatch.context() as patch:
        patch.setattr(identity, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            identify(path, "BV1", 1, settings, store)
    assert store.list("fingerprints") == []
    assert identify(path, "BV1", 1, settings, store).startswith("sound:")


def _identify(path: Path, bvid: str, settings: Settings, names: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    names.put(identify(path, bvid, 1, settings, Store(settings.store)))


def test_processes_at_once_agree(tmp_path: Path, settings: Settings, store: Store) -> None:
    piece = melody(1, 16)
    context = multiprocessing.get_context("fork")
    names = context.Queue()
    work = [
        context.Process(
            target=_identify,
            args=(recorded(tmp_path, f"{k}.wav", piece[k * RATE :]), f"BV{k}", settings, names),
        )
        for k in range(4)
    ]
    for process in work:
        process.start()
    found = {names.get(timeout=60) for _ in work}
    for process in work:
        process.join()
    assert len(found) == 1
    assert pairs(store) == []


def test_two_machines_that_did_not_see_each_other_propose_to_merge(
    tmp_path: Path, settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = melody(1, 16)
    a, b = recorded(tmp_path, "a.wav", piece), recorded(tmp_path, "b.wav", piece[RATE:])
    write = identity._write

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(identity, "_write", write)
        elsewhere = Settings.load(
            overrides={"store": str(tmp_path / "elsewhere"), "music": {"methods": "pitch"}}
        )
        identify(b, "BV2", 1, elsewhere, Store(elsewhere.store))
        shutil.copytree(tmp_path / "elsewhere/fingerprints", tmp_path / "store/fingerprints")
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(identity, "_write", overtaken)
    first = identify(a, "BV1", 1, settings, store)
    (row,) = pairs(store, PairState.PROPOSED)
    assert first in (row["first"], row["second"])
    assert row["bvid"] == "BV1"


def test_without_fpcalc_one_warning_and_the_pitch_fingerprint_decides(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(identity, "find_chromaprint", lambda: None)
    identity._warn_without_chromaprint.cache_clear()
    settings = Settings.load(overrides={"store": store.address})
    with caplog.at_level(logging.WARNING):
        for seed in (1, 2):
            path = recorded(tmp_path, "a.wav", melody(seed, 5))
            identify(path, f"BV{seed}", 1, settings, store)
    assert caplog.text.count("fpcalc is not on the path") == 1
    methods = store.read_table("fingerprints", FINGERPRINTS, ["method"])["method"].to_pylist()
    assert methods == ["pitch-1", "pitch-1"]


def test_an_empty_file_of_fingerprints_is_named(tmp_path: Path, settings: Settings, store: Store) -> None:
    store.write_table(layout.fingerprints("BV1"), FINGERPRINTS.empty_table(), FINGERPRINTS)
    with pytest.raises(StoreError, match=r"BV1\.parquet: holds no fingerprint"):
        identify(recorded(tmp_path, "a.wav", melody(1, 5)), "BV2", 1, settings, store)


def test_decisions_need_ids_of_the_store(tmp_path: Path, settings: Settings, store: Store) -> None:
    a = identify(recorded(tmp_path, "a.wav", melody(1, 5)), "BV1", 1, settings, store)
    with pytest.raises(InputError, match="is not a music id of the store"):
        decide(store, a, "sound:elsewhere", PairState.MERGED)
    with pytest.raises(InputError, match="is one music id, not two"):
        decide(store, a, a, PairState.MERGED)
    assert not propose(store, a, a, "BV1", 1, "pitch-1", 1.0)


def test_links_join_in_any_order() -> None:
    assert joined([("d", "c"), ("a", "b"), ("b", "c")]) == dict.fromkeys("abcd", "a")
    assert joined([("x", "y"), ("a", "b")]) == {"x": "x", "y": "x", "a": "a", "b": "a"}
