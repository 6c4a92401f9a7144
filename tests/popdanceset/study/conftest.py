"""A study of two models with three songs, made of the files that `popdanceset sample` writes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from popdanceset.study.design import Check, Dance, Design, Song
from popdanceset.study.making import Choices, Contestant, make_study

ELSEWHERE = np.float32([5, -3, 1])
"""Where dances take place in their files, metres."""

SONGS = ("evening", "morning", "noon")


@pytest.fixture
def dances(tmp_path: Path, dance: Callable[..., Any]) -> Callable[..., Path]:
    """Writes dances to songs into a folder, with their sound beside them."""

    def write(
        name: str, songs: tuple[str, ...] = SONGS, seed: int = 0, frames: int = 45, sound: bool = True
    ) -> Path:
        folder = tmp_path / "samples" / name
        folder.mkdir(parents=True)
        for n, song in enumerate(songs):
            made = dance(frames, seed=10 * seed + n)
            np.savez(
                folder / f"{song}-0.npz",
                smpl_poses=made.poses,
                smpl_trans=made.translation + ELSEWHERE,
                joints=made.joints + ELSEWHERE,
                fps=30.0,
            )
            if sound:
                wave = 0.3 * np.sin(np.arange(48_000 * 3) * 0.02 * (n + 1))
                soundfile.write(folder / f"{song}-0.wav", wave, 48_000)
        return folder

    return write


@pytest.fixture
def contestants(dances: Callable[..., Path]) -> list[Contestant]:
    return [Contestant("ours", dances("ours", seed=1)), Contestant("theirs", dances("theirs", seed=2))]


@pytest.fixture
def study_folder(tmp_path: Path, contestants: list[Contestant]) -> Path:
    make_study(contestants, tmp_path / "study", Choices(checks=2))
    return tmp_path / "study"


@pytest.fixture
def design() -> Callable[..., Design]:
    """A study of models and songs of which only the names exist."""

    def make(models: int = 2, songs: int = 10, checks: int = 3, **more: Any) -> Design:
        names = [f"model {n}" for n in range(models)]
        tunes = [Song(id=f"{n:012x}", name=f"song {n}", frames=60) for n in range(songs)]
        all_dances = [
            Dance(id=f"{100 + 20 * n + m:012x}", song=tune.id, model=name)
            for n, tune in enumerate(tunes)
            for m, name in enumerate(names)
        ]
        spoilt = [
            Dance(id=f"{10_000 + n:012x}", song=tunes[n].id, model=names[0], spoilt="still")
            for n in range(checks)
        ]
        tests = [Check(real=all_dances[n * models].id, spoilt=each.id) for n, each in enumerate(spoilt)]
        given = {"title": "A study", "consent": ("I agree",), "questions": ("Which?",), "trials": 30} | more
        return Design(
            id="f" * 12, models=tuple(names), songs=tuple(tunes), dances=(*all_dances, *spoilt),
            checks=tuple(tests), **given,
        )  # fmt: skip

    return make
