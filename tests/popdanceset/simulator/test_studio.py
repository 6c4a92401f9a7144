"""The films that ship with the offline simulator correspond to their index."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

import popdanceset.simulator
from popdanceset.errors import InputError
from tests.studio import film, index, motion, music, pack, stage

MEDIA = Path(popdanceset.simulator.__file__).parent / "media"
INDEX = index.read_index(MEDIA)
EVERY_FILM = pytest.mark.parametrize("name", list(INDEX))
EVERY_PIECE = pytest.mark.parametrize("name", list(music.PIECES))


def sound_of(path: Path) -> tuple[NDArray[np.float64], int]:
    """Mono samples and their rate."""
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        blocks = [frame.to_ndarray().mean(axis=0) for frame in container.decode(audio=0)]
    return np.concatenate(blocks).astype(float), rate


def attack(sound: NDArray[np.float64], rate: int, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns how much more energy the 50 ms after each moment have than the 50 ms before it."""
    energy = np.concatenate([[0.0], np.cumsum(sound**2)])
    width = int(0.05 * rate)
    # 5 ms early: the codec smears a sharp sound over a few milliseconds.
    at = np.round((seconds - 0.005) * rate).astype(int)
    before, after = np.clip(at - width, 0, len(sound)), np.clip(at + width, 0, len(sound))
    at = np.clip(at, 0, len(sound))
    return (energy[after] - energy[at]) - (energy[at] - energy[before])


# -- the pack ----------------------------------------------------------------------------------------------


def test_the_pack_is_small_enough_to_ship():
    assert sum(path.stat().st_size for path in MEDIA.iterdir()) <= 4_000_000


def test_the_index_names_exactly_the_films_that_are_there():
    assert {entry.file for entry in INDEX.values()} == {path.name for path in MEDIA.glob("*.mp4")}


def test_the_index_is_the_one_the_studio_would_write_today():
    assert {name: pack.entry(what) for name, what in pack.FILMS.items()} == INDEX


@EVERY_FILM
def test_a_film_is_what_the_index_says(name):
    entry = INDEX[name]
    with av.open(str(MEDIA / entry.file)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (entry.width, entry.height)
        assert video.average_rate == entry.fps
        assert (audio.codec_context.name, audio.channels, audio.rate) == ("aac", 2, 44_100)
        sound_seconds = float(audio.duration * audio.time_base)
        times = [frame.time for frame in container.decode(video)]
    np.testing.assert_allclose(times, np.arange(round(entry.seconds * entry.fps)) / entry.fps, atol=1e-3)
    assert sound_seconds == pytest.approx(entry.seconds, abs=0.05)


@EVERY_FILM
def test_shots_cover_the_film_and_cuts_are_where_the_image_jumps(name):
    entry = INDEX[name]
    assert entry.shots[0][0] == 0
    assert entry.shots[-1][1] == pytest.approx(entry.seconds)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(entry.shots))
    if entry.shaky:
        return  # its image jumps all the time
    with av.open(str(MEDIA / entry.file)) as container:
        small = [f.reformat(width=64, height=64, format="gray") for f in container.decode(video=0)]
    frames = [frame.to_ndarray() for frame in small]
    change = np.abs(np.diff(np.stack(frames).astype(float), axis=0)).mean(axis=(1, 2))
    cuts = [round(end * entry.fps) - 1 for _, end in entry.shots[:-1]]
    within_shots = np.delete(change, cuts)
    assert (change[cuts] > 3 * within_shots.max()).all()


def test_films_show_what_they_are_for():
    lengths = {name: np.array([end - start for start, end in entry.shots]) for name, entry in INDEX.items()}
    for name, entry in INDEX.items():
        expected = "accepted"
        if entry.shaky:
            expected = "camera_shake"
        elif (lengths[name] < 4).all():
            expected = "camera_cuts"
        elif entry.dancers != 1:
            expected = "several_dancers" if entry.dancers else "no_dancer"
        assert entry.outcome == expected, name
        assert entry.clips == (int((lengths[name] >= 5).sum()) if expected == "accepted" else 0), name


def test_the_empty_stage_is_not_a_still_image():
    with av.open(str(MEDIA / INDEX["nobody"].file)) as container:
        frames = [f.reformat(format="gray").to_ndarray().astype(float) for f in container.decode(video=0)]
    moved = [np.abs(b - a).mean() for a, b in itertools.pairwise(frames[::10])]
    assert min(moved) > 0.3


# -- music -------------------------------------------------------------------------------------------------


@EVERY_FILM
def test_the_beats_of_the_index_are_heard_in_the_film(name):
    entry = INDEX[name]
    sound, rate = sound_of(MEDIA / entry.file)
    beats = np.array(entry.beats)
    np.testing.assert_allclose(np.diff(beats), 60 / entry.bpm, atol=1e-5)
    assert len(beats) >= 0.9 * entry.seconds * entry.bpm / 60 - 1
    on = attack(sound, rate, beats)
    # Off the beat but off the half beat too, where hats and bass may sound.
    off = attack(sound, rate, beats + 0.37 * 60 / entry.bpm)
    assert on.min() > 0
    assert np.median(on) > 5 * np.abs(np.median(off))


@EVERY_FILM
def test_no_shift_of_the_beats_fits_the_sound_better(name):
    entry = INDEX[name]
    sound, rate = sound_of(MEDIA / entry.file)
    shifts = np.arange(-0.2, 0.2, 0.005)
    period = 60 / entry.bpm
    inner = np.array(entry.beats)[1:-1]
    fit = [np.maximum(attack(sound, rate, inner + shift * period / 0.4), 0).sum() for shift in shifts]
    assert abs(shifts[int(np.argmax(fit))] * period / 0.4) <= 0.015


@EVERY_PIECE
def test_the_synthesiser_is_deterministic(name):
    piece = music.PIECES[name]
    first, second = music.synthesise(piece, 2.5), music.synthesise(piece, 2.5)
    assert first.dtype == np.float32
    assert first.shape == (round(2.5 * music.RATE), 2)
    assert np.abs(first).max() <= 1
    np.testing.assert_array_equal(first, second)


def test_another_seed_is_another_melody():
    piece = music.PIECES["Neon Steps"]
    other = dataclasses.replace(piece, seed=piece.seed + 1)
    assert not np.array_equal(music.synthesise(piece, 2), music.synthesise(other, 2))


def test_no_two_films_share_their_music_and_no_two_pieces_their_harmony():
    assert len({entry.music for entry in INDEX.values()}) == len(INDEX)
    chroma = [pitch_classes(music.synthesise(piece, 6).mean(axis=1)) for piece in music.PIECES.values()]
    for a, b in itertools.combinations(chroma, 2):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.8


def pitch_classes(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energy of the 12 pitch classes between 110 and 1760 Hz in each second, (seconds, 12)."""
    rows = sound[: len(sound) // music.RATE * music.RATE].reshape(-1, music.RATE)
    power = np.abs(np.fft.rfft(rows * np.hanning(music.RATE), axis=1)) ** 2
    frequency = np.arange(110, 1760)
    pitch = np.round(12 * np.log2(frequency / 440)).astype(int) % 12
    return np.stack([power[:, frequency[pitch == c]].sum(axis=1) for c in range(12)], axis=1) ** 0.5


def test_beats_begin_at_the_first_beat_and_end_before_the_film():
    piece = dataclasses.replace(music.PIECES["Neon Steps"], bpm=120, first_beat=0.25)
    np.testing.assert_allclose(music.beat_times(piece, 2.0), [0.25, 0.75, 1.25, 1.75])
    assert len(music.beat_times(piece, 0.2)) == 0


# -- making ------------------------------------------------------------------------------------------------


def test_a_film_of_synthetic_frames_is_read_back_with_its_audio(tmp_path):
    images = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(30)]
    sound = music.synthesise(music.PIECES["Neon Steps"], 1.0)
    film.write(tmp_path / "x.mp4", iter(images), sound, (64, 48), 30, 20)
    with av.open(str(tmp_path / "x.mp4")) as container:
        shades = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
    np.testing.assert_allclose(shades, 8 * np.arange(30), atol=3)
    heard, rate = sound_of(tmp_path / "x.mp4")
    lag = np.argmax(np.correlate(heard[: rate // 2], sound.mean(axis=1)[: rate // 4], "valid"))
    assert lag / rate < 0.005
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]


def test_an_index_that_cannot_be_read_says_how_to_remake_it(tmp_path):
    with pytest.raises(InputError, match=r"index\.json: not a readable index .*tests\.studio"):
        index.read_index(tmp_path)
    (tmp_path / "index.json").write_text('{"dance_a": {"file": "dance_a.mp4"}}')
    with pytest.raises(InputError, match="not a readable index"):
        index.read_index(tmp_path)


def test_an_index_written_is_the_index_read(tmp_path):
    index.write_index(tmp_path, INDEX)
    assert index.read_index(tmp_path) == INDEX


def test_a_film_that_fails_halfway_leaves_nothing(tmp_path):
    def images():
        yield np.zeros((48, 64, 3), np.uint8)
        raise ValueError("the projector broke")

    with pytest.raises(ValueError, match="projector"):
        film.write(tmp_path / "x.mp4", images(), np.zeros((10, 2), np.float32), (64, 48), 30, 20)
    assert list(tmp_path.iterdir()) == []


def test_camera_shake_has_its_energy_between_2_and_8_hertz():
    shake = stage.hand_held(frames=180, fps=30, seed=1, turn=1.3, roll=1.5, shift=0.02)
    np.testing.assert_allclose(shake.turn.std(axis=0), [1.3, 1.3, 1.5])
    np.testing.assert_allclose(shake.shift.std(axis=0), 0.02)
    frequency = np.fft.rfftfreq(180, 1 / 30)
    power = np.abs(np.fft.rfft(np.hstack([shake.turn, shake.shift]), axis=0)) ** 2
    inside = (frequency >= 2) & (frequency <= 8)
    assert power[inside].sum() > 0.999 * power.sum()


def test_a_pose_mirrored_twice_is_itself_and_once_swaps_the_limbs():
    pose = np.random.default_rng(0).normal(size=(4, 43))
    np.testing.assert_allclose(motion.mirror(motion.mirror(pose)), pose)
    mirrored = motion.mirror(pose)
    np.testing.assert_allclose(mirrored[:, motion.HINGES["left_knee"]], pose[:, motion.HINGES["right_knee"]])
    np.testing.assert_allclose(mirrored[:, :3], pose[:, :3] * [1, 1, -1])


def test_phrases_join_without_a_jump_and_turn_back_where_they_end(monkeypatch):
    def made_up(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rng = np.random.default_rng(len(name))
        times = np.linspace(0, 1, 11)
        poses = np.tile(rng.normal(0, 0.1, size=43), (11, 1))
        poses[:, 0] += times  # walks one metre
        for first in motion.QUATERNIONS.values():
            poses[:, first : first + 4] /= np.linalg.norm(poses[:, first : first + 4], axis=1, keepdims=True)
        return times, poses

    monkeypatch.setattr(motion, "capture", made_up)
    phrases = (motion.Phrase("short", ways=2), motion.Phrase("much longer", seconds=2.0, ease=1.0))
    poses = motion.dance(phrases, seconds=6, fps=30)
    assert poses.shape == (180, 43)
    walked = poses[:, 0] - poses[0, 0]
    assert walked[30] == pytest.approx(1)
    assert walked[60] == pytest.approx(0, abs=0.04)
    assert walked[120] == pytest.approx(1, abs=0.04)
    # Never faster than a walk of one metre a second, but for the step over from one phrase to the next.
    assert np.abs(np.diff(poses[:, :3], axis=0)).max() < 0.07
    # At rest at the turning point of an eased phrase.
    assert abs(walked[121] - walked[120]) < 0.002
