"""Studies made of folders of dances."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from popdanceset.errors import InputError
from popdanceset.motion.files import read_motion
from popdanceset.study import checks, making
from popdanceset.study.design import DOCUMENT, dance_file, read_design, sound_file
from popdanceset.study.making import Choices, Contestant, make_study


def joints_of(folder: Path, dance_id: str) -> np.ndarray:
    return np.fromfile(dance_file(folder, dance_id), "<f4").reshape(-1, 24, 3)


def test_each_song_has_a_dance_of_each_model_and_its_sound(study_folder: Path) -> None:
    design = read_design(study_folder)

    assert [song.name for song in design.songs] == ["evening-0", "morning-0", "noon-0"]
    assert design.models == ("ours", "theirs")
    for first, second in design.pairs():
        assert (first.model, second.model) == ("ours", "theirs")
        assert first.song == second.song
    for song in design.songs:
        wave, rate = soundfile.read(sound_file(study_folder, song.id))
        assert song.frames == 45
        assert len(wave) / rate == pytest.approx(1.5)


def test_bodies_stand_in_the_middle_of_the_floor_and_move_as_they_did(
    study_folder: Path, contestants: list[Contestant]
) -> None:
    design = read_design(study_folder)
    first = next(dance for dance in design.dances if dance.model == "ours")

    made, read = (
        joints_of(study_folder, first.id),
        read_motion(contestants[0].folder / "evening-0.npz").joints,
    )

    moved = read - made
    assert np.abs(moved - moved[0, 0]).max() < 1e-5
    low, high = made[..., :2].min((0, 1)), made[..., :2].max((0, 1))
    assert np.abs(low + high).max() < 1e-5
    assert np.percentile(made[..., 2].min(1), 5) == pytest.approx(0, abs=1e-5)


def test_names_of_models_and_songs_are_in_the_document_only(study_folder: Path) -> None:
    names = [str(path.relative_to(study_folder)) for path in study_folder.rglob("*") if path.is_file()]

    assert len(names) == 1 + 3 + 6 + 2
    assert not [name for name in names if any(word in name for word in ("ours", "theirs", "noon"))]


def test_checks_are_a_still_and_a_scrambled_body(study_folder: Path) -> None:
    design = read_design(study_folder)
    dances = design.by_id()
    spoilt = {dances[check.spoilt].spoilt: check for check in design.checks}
    assert set(spoilt) == {"still", "scrambled"}

    still = joints_of(study_folder, spoilt["still"].spoilt)
    real = joints_of(study_folder, spoilt["still"].real)
    assert (still == real[0]).all()
    assert checks.liveliness(real) > 0.005

    scrambled = joints_of(study_folder, spoilt["scrambled"].spoilt)
    real = joints_of(study_folder, spoilt["scrambled"].real)
    distance = np.linalg.norm(scrambled - real, axis=-1).mean(0)
    assert (distance > 0.05).all()  # no joint is where it was
    assert dances[spoilt["scrambled"].spoilt].song == dances[spoilt["scrambled"].real].song


def test_variants_are_matched_by_song_and_the_shorter_dance_counts(
    tmp_path: Path, dances: Callable[..., Path], dance: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    ours, theirs = dances("ours", ("noon", "alone"), seed=1), dances("theirs", ("noon",), seed=2, frames=60)
    (theirs / "noon-0.npz").rename(theirs / "noon-7.npz")

    with caplog.at_level(logging.WARNING):
        design = make_study([Contestant("ours", ours), Contestant("theirs", theirs)], tmp_path / "study")

    assert [(song.name, song.frames) for song in design.songs] == [("noon", 45)]
    assert "ours: 1 dance to music to which no other folder has a dance: alone-0" in caplog.text


def test_other_rates_and_lengths_are_brought_to_30_frames_a_second(
    tmp_path: Path, dances: Callable[..., Path]
) -> None:
    ours, theirs = dances("ours", ("noon",), seed=1), dances("theirs", ("noon",), seed=2, frames=90)
    content = dict(np.load(theirs / "noon-0.npz"))
    np.savez(theirs / "noon-0.npz", **content | {"fps": 60.0})

    design = make_study(
        [Contestant("ours", ours), Contestant("theirs", theirs)], tmp_path / "study", Choices(seconds=1.2)
    )

    assert design.songs[0].frames == 36
    other = next(dance for dance in design.dances if dance.model == "theirs")
    made = joints_of(tmp_path / "study", other.id)
    assert np.allclose(np.diff(made, axis=0), np.diff(content["joints"][::2][:36], axis=0), atol=1e-5)


def test_sound_comes_from_the_folder_of_the_songs(tmp_path: Path, dances: Callable[..., Path]) -> None:
    folders = [Contestant(name, dances(name, ("a[1]",), n, sound=False)) for n, name in enumerate("xy")]
    with pytest.raises(InputError, match=r"there is no sound of a\[1\]-0 \(name the folder of the songs"):
        make_study(folders, tmp_path / "study")

    (tmp_path / "songs").mkdir()
    soundfile.write(tmp_path / "songs/a[1].flac", np.full(48_000 * 2, 0.25), 48_000)
    soundfile.write(tmp_path / "songs/a1.flac", np.full(48_000 * 2, 0.5), 48_000)
    design = make_study(folders, tmp_path / "study", Choices(music=tmp_path / "songs"))

    wave, _ = soundfile.read(sound_file(tmp_path / "study", design.songs[0].id))
    assert np.abs(wave - 0.25 * np.sqrt(0.5)).max() < 1e-3  # one channel becomes two of the same loudness


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pair: [pair[0], Contestant("ours", pair[1].folder)], "under different names"),
        (lambda pair: pair[:1], "two or more folders"),
        (lambda pair: [pair[0], Contestant("other", pair[0].folder / "absent")], "not readable"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, contestants: list[Contestant], change: Callable[..., Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        make_study(change(contestants), tmp_path / "study")
    assert not (tmp_path / "study").exists()


def test_folders_without_common_music_are_refused(tmp_path: Path, dances: Callable[..., Path]) -> None:
    pair = [Contestant("a", dances("a", ("noon",))), Contestant("b", dances("b", ("dawn",)))]
    with pytest.raises(InputError, match="no two of the folders have dances to the same music"):
        make_study(pair, tmp_path / "study")


def test_a_study_is_never_made_twice_nor_half(
    tmp_path: Path, study_folder: Path, contestants: list[Contestant], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (study_folder / DOCUMENT).read_bytes()
    with pytest.raises(InputError, match="exists already"):
        make_study(contestants, study_folder)
    assert (study_folder / DOCUMENT).read_bytes() == before

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_write_sound", fail)
    with pytest.raises(InputError, match="not writable: No space left"):
        make_study(contestants, tmp_path / "second")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["samples", "study"]


def test_damaged_studies_are_refused(study_folder: Path, tmp_path: Path) -> None:
    (study_folder / DOCUMENT).write_text('{"id": "../x"}')
    with pytest.raises(InputError, match="damaged: id: "):
        read_design(study_folder)
    shutil.rmtree(study_folder)
    with pytest.raises(InputError, match=r"is no study: .* with `popdanceset study new`"):
        read_design(study_folder)
