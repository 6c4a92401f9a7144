"""Fingerprints and how they are compared: which changes must not matter, and which must."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from popdanceset.errors import AssetError
from popdanceset.music.fingerprint import RATE, Chromaprint, Pitch, find_chromaprint
from popdanceset.music.matching import similarity, stretched, variants


def melody(seed: int, seconds: float, speed: float = 1.0) -> np.ndarray:
    """Random chords of three notes, three per second, with overtones: int16 at `RATE`."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE * speed
    chord = (time * 3).astype(int)
    notes = rng.integers(48, 84, (chord.max() + 1, 3))
    sound = np.zeros_like(time)
    for voice in range(3):
        hertz = 440 * 2 ** ((notes[chord, voice] - 69) / 12)
        for partial in (1, 2, 3):
            sound += np.sin(2 * np.pi * partial * hertz * time) / partial
    sound *= np.exp(-((time * 3) % 1))
    return (8000 * sound / np.abs(sound).max()).astype(np.int16)


def alike(new: np.ndarray, *known: np.ndarray) -> list[float]:
    method = Pitch()
    windows = variants(method, new, method(new))
    return similarity(windows, [method(each) for each in known], method.hop).tolist()


def test_music_matches_itself_and_not_other_music() -> None:
    same, other = alike(melody(1, 12), melody(1, 12), melody(2, 12))
    assert same > 0.9
    assert other < 0.4


def test_an_excerpt_is_found_anywhere_in_a_long_piece() -> None:
    piece = melody(3, 70)
    for start in (0, 31, 58):
        excerpt = piece[start * RATE : (start + 10) * RATE]
        (excerpt_in_piece,) = alike(excerpt, piece)
        (piece_in_excerpt,) = alike(piece, excerpt)
        assert min(excerpt_in_piece, piece_in_excerpt) > 0.7


@pytest.mark.parametrize("speed", [0.95, 0.97, 1.03, 1.05])
def test_speed_does_not_matter(speed: float) -> None:
    (found,) = alike(melody(4, 15), melody(4, 15, speed))
    assert found > 0.7


def test_loudness_and_steady_tones_do_not_matter() -> None:
    piece = melody(5, 12)
    hum = 300 * np.sin(2 * np.pi * 220 * np.arange(len(piece)) / RATE)
    (found,) = alike(piece, (piece * 0.1 + hum).astype(np.int16))
    assert found > 0.6


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, RATE])
def test_audio_that_is_too_short_matches_nothing(length: int) -> None:
    assert alike(melody(6, 12)[:length], melody(6, 12)) == [0.0]
    assert alike(melody(6, 12), melody(6, 12)[:length]) == [0.0]


def test_silence_matches_nothing() -> None:
    silence = np.zeros(12 * RATE, np.int16)
    assert alike(silence, silence, melody(1, 12)) == [0.0, 0.0]


def test_many_windows_and_chunks_agree_with_single_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    new, known = melody(7, 40), [melody(seed, 5 + 6 * seed) for seed in range(5)]
    together = alike(new, *known)
    monkeypatch.setattr("popdanceset.music.matching._CHUNK", 1)
    np.testing.assert_allclose(together, [alike(new, each)[0] for each in known], atol=1e-5)
    np.testing.assert_allclose(together, alike(new, *known), atol=1e-5)


@settings(max_examples=30)
@given(
    hnp.arrays(np.int8, st.tuples(st.integers(30, 60), st.just(3)), elements=st.integers(-9, 9)),
    hnp.arrays(np.int8, st.tuples(st.integers(24, 50), st.just(3)), elements=st.integers(-9, 9)),
)
def test_the_measure_is_the_best_normalised_correlation(known: np.ndarray, new: np.ndarray) -> None:
    best = 0.0
    for shift in range(-len(new) + 24, len(known) - 24 + 1):
        first, last = max(0, -shift), min(len(new), len(known) - shift)
        a, b = new[first:last].astype(float), known[first + shift : last + shift].astype(float)
        energy = (a**2).sum() * (b**2).sum()
        if energy >= 1:
            weight = np.sqrt((last - first) / (last - first + 2.5 / 0.125))
            best = max(best, (a * b).sum() / np.sqrt(energy) * weight)
    (found,) = similarity([[new.astype(np.float32)]], [known], 0.125)
    assert found == pytest.approx(best, abs=1e-4)


@given(st.integers(2, 40), st.floats(0.9, 1.1))
def test_a_stretched_ramp_is_a_ramp_of_another_slope(rows: int, tempo: float) -> None:
    ramp = np.arange(rows, dtype=np.int8)[:, None]
    np.testing.assert_allclose(
        stretched(ramp, tempo)[:, 0], np.arange(int((rows - 1) / tempo) + 1) * tempo, atol=1e-3
    )


def test_chromaprint_finds_the_same_music() -> None:
    method = find_chromaprint()
    if method is None:
        pytest.skip("fpcalc is not on the path")
    new = melody(1, 15)
    known = [method(melody(1, 15, 1.03)), method(melody(2, 15))]
    same, other = similarity(variants(method, new, method(new)), known, method.hop)
    assert known[0].shape[1] == 32
    assert same > 0.6
    assert other < 0.4


def test_a_program_that_is_not_fpcalc_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "fpcalc"
    program.write_text("#!/bin/sh\necho no such option >&2\nexit 2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(AssetError, match="fpcalc failed: no such option"):
        Chromaprint(str(program))(melody(1, 5))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert find_chromaprint() is None


def test_a_stand_in_for_fpcalc_is_read_bit_by_bit(tmp_path: Path) -> None:
    program = tmp_path / "fpcalc"
    words = [
        0b101,
        0b001,
        0b001,
        0b101,
    ]  # the first bit is always set, the second never, the third half the time
    program.write_text(f'#!/bin/sh\ncat > /dev/null\necho \'{{"duration": 5, "fingerprint": {words}}}\'\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    prints = Chromaprint(str(program))(melody(1, 5))
    assert prints.shape == (4, 32)
    assert np.count_nonzero(np.any(prints, axis=0)) == 1  # only a bit that changes carries information
    assert [*prints[:, np.any(prints, axis=0)][:, 0]] == [50, -50, -50, 50]
    assert Chromaprint(str(program))(melody(1, 2)).shape == (0, 32)  # too short for fpcalc
