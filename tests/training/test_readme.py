"""The README's section for researchers, line by line, on a small release and with a small network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import researcher
from training.models import load
from training.popdg.config import PRESETS


@pytest.fixture
def in_a_folder(make_release, synthetic, beats_in_releases, monkeypatch, tmp_path):
    """The working folder; its release contains the clip that the README names."""
    names = [researcher.clip_name(), *(f"BV{number}_Clip_1" for number in range(1, 4))]
    release = make_release([synthetic.clip_row(name, 152, f"m{n}") for n, name in enumerate(names)])
    folder = tmp_path / "work"
    researcher.prepare(folder, release, monkeypatch)
    return folder


def test_the_program(in_a_folder):
    found = researcher.run_program()
    assert len(found["frames"]) == found["scan"].count_rows() == 4 * 152
    assert found["clip"]["smpl_poses"].shape == (152, 24, 3)
    assert found["pixels"].shape == (152, 24, 2)
    assert found["windows"][0]["motion"].shape == (150, 156)


@pytest.mark.slow
def test_the_commands(in_a_folder, monkeypatch):
    """Only the number of epochs and the size of the network differ from what the lines say."""
    small = replace(PRESETS["paper"].model, width=16, feedforward=16, heads=2, layers=1, music_layers=1)
    presets = {**PRESETS, "paper": replace(PRESETS["paper"], model=small)}
    monkeypatch.setattr(load("popdg"), "presets", presets)

    researcher.run_commands()

    tested = (in_a_folder / "RELEASE/splits/test.txt").read_text().split()
    made = {path.name for path in (in_a_folder / "out/popdg").iterdir()}
    assert made == {f"{name}-0.{end}" for name in ("song", *tested) for end in ("npz", "mp4")}
    table = (in_a_folder / "table.md").read_text()
    assert "| POPDG |" in table
    assert f"POPDG: the music of 1 of {1 + len(tested)} motions is unknown" in table
    assert (in_a_folder / "figures/bars.png").is_file()
    assert (in_a_folder / "dance.bvh").is_file()
    assert (in_a_folder / "both.mp4").is_file()
