"""Makes a study of folders of dances, as `popdanceset sample --out` writes them."""

from __future__ import annotations

import logging
import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from popdanceset.atomic import PARTIAL, sync_folder
from popdanceset.errors import InputError
from popdanceset.film import Sound
from popdanceset.motion.files import motions_from_folder
from popdanceset.motion.joint_motion import JointMotion, resampled
from popdanceset.schema import FPS
from popdanceset.study import checks
from popdanceset.study.checks import Joints
from popdanceset.study.design import (
    CONSENT,
    DOCUMENT,
    QUESTION,
    Check,
    Dance,
    Design,
    Song,
    dance_file,
    sound_file,
)
from popdanceset.wording import counted

SOUNDS = (".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus", ".aac", ".mp4", ".mkv", ".webm")
SHORTEST = 1.0
"""Seconds of the shortest dance that can be judged."""

_VARIANT = re.compile(r"-\d+$")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contestant:
    """Whose dances are compared: a name that only results show, and their folder."""

    name: str
    folder: Path


@dataclass(frozen=True)
class Choices:
    """What the author of a study may choose.

    Attributes:
        music: folder of the songs; None: they are beside the dances.
        seconds: dances are cut to this length; None: to the shortest of a song.
        checks: attention checks that each participant sees.
        failures: how many of them a participant may fail.
        trials: most pairs for each participant.
    """

    title: str = "Which dance do you prefer?"
    questions: tuple[str, ...] = (QUESTION,)
    consent: tuple[str, ...] = CONSENT
    music: Path | None = None
    seconds: float | None = None
    checks: int = 3
    failures: int = 0
    trials: int = 30


@dataclass
class _Piece:
    """A song with the dances to it, by contestant."""

    name: str
    dances: dict[str, JointMotion] = field(default_factory=dict)


def make_study(contestants: Sequence[Contestant], out: Path, choices: Choices | None = None) -> Design:
    """Makes a study. Its folder appears when it is complete.

    Args:
        contestants: at least two. Dances of the same file name are to one music; so are those whose names
            differ only in the number of the variant, `song-0` and `song-7`.
        out: the folder of the study, which must not exist.

    Raises:
        InputError: names repeat, no two folders have a dance to the same music, a song has no sound, or the
            folder exists or cannot be written.
    """
    choices = choices or Choices()
    names = [contestant.name for contestant in contestants]
    if len(set(names)) < len(names) or len(names) < 2:
        raise InputError("a study compares two or more folders under different names", ", ".join(names))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("exists already", out, "name a new folder: a study never changes once it was made")
    pieces = list(_pieces(contestants))
    if not pieces:
        raise InputError(
            "no two of the folders have dances to the same music",
            ", ".join(str(contestant.folder) for contestant in contestants),
            "name files after their songs: song-0.npz",
        )
    partial = out.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
    try:
        for file in (dance_file(partial, "x"), sound_file(partial, "x")):
            file.parent.mkdir(parents=True)
        design = _write(partial, pieces, contestants, choices)
        (partial / DOCUMENT).write_text(design.model_dump_json(indent=1) + "\n", encoding="utf-8")
        partial.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise InputError(f"not writable: {error.strerror}", out, "name another folder") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return design


def _pieces(contestants: Sequence[Contestant]) -> Iterator[_Piece]:
    """Songs to which two contestants or more dance: by the names of files, then by those without variants."""
    left = {
        contestant.name: {motion.name: motion for motion in motions_from_folder(contestant.folder)}
        for contestant in contestants
    }
    for key in (lambda name: name, lambda name: _VARIANT.sub("", name)):
        found: dict[str, _Piece] = defaultdict(lambda: _Piece(""))
        for contestant, motions in left.items():
            for name, motion in sorted(motions.items()):
                piece = found[key(name)]
                piece.name = key(name)
                piece.dances.setdefault(contestant, motion)
        for _, piece in sorted(found.items()):
            if len(piece.dances) > 1:
                yield piece
                for contestant, motion in piece.dances.items():
                    del left[contestant][motion.name]
    for contestant, motions in left.items():
        if motions:
            _log.warning(
                "%s: %s to music to which no other folder has a dance: %s",
                contestant,
                counted(len(motions), "dance"),
                ", ".join(sorted(motions)[:5]) + (" …" if len(motions) > 5 else ""),
            )


def _write(
    folder: Path, pieces: Sequence[_Piece], contestants: Sequence[Contestant], choices: Choices
) -> Design:
    random = np.random.default_rng(int.from_bytes(secrets.token_bytes(16)))
    songs: list[Song] = []
    dances: list[Dance] = []
    liveliest: list[tuple[Dance, Joints]] = []
    for piece in pieces:
        placed = {name: _placed(motion) for name, motion in piece.dances.items()}
        frames = min(len(joints) for joints in placed.values())
        if choices.seconds is not None:
            frames = min(frames, round(choices.seconds * FPS))
        if frames < SHORTEST * FPS:
            raise InputError(f"{piece.name} has only {frames / FPS:.1f} s in common", piece.name)
        song = Song(id=_new_id(), name=piece.name, frames=frames)
        _write_sound(sound_file(folder, song.id), _sound(piece, contestants, choices.music), frames)
        songs.append(song)
        made = []
        for name, joints in placed.items():
            dance = Dance(id=_new_id(), song=song.id, model=name)
            _write_dance(dance_file(folder, dance.id), joints[:frames])
            made.append((dance, joints[:frames]))
        dances += [dance for dance, _ in made]
        liveliest.append(max(made, key=lambda each: checks.liveliness(each[1])))
    tests = []
    for n, at in enumerate(_drawn(len(liveliest), choices.checks, random)):
        real, joints = liveliest[at]
        kind = ("still", "scrambled")[n % 2]
        spoilt = Dance(id=_new_id(), song=real.song, model=real.model, spoilt=kind)
        _write_dance(
            dance_file(folder, spoilt.id),
            checks.still(joints) if kind == "still" else checks.scrambled(joints, random),
        )
        dances.append(spoilt)
        tests.append(Check(real=real.id, spoilt=spoilt.id))
    return Design(
        id=_new_id(),
        title=choices.title,
        consent=choices.consent,
        questions=choices.questions,
        models=tuple(contestant.name for contestant in contestants),
        songs=tuple(songs),
        dances=tuple(dances),
        checks=tuple(tests),
        trials=choices.trials,
        failures=choices.failures,
    )


def _new_id() -> str:
    return secrets.token_hex(6)


def _drawn(songs: int, count: int, random: np.random.Generator) -> Iterable[int]:
    """Songs for checks, each as often as the others as far as possible."""
    return [int(n) for _ in range(-(-count // songs)) for n in random.permutation(songs)][:count]


def _placed(motion: JointMotion) -> Joints:
    """Joints at 30 fps, in the middle of the stage and on its floor."""
    joints = np.array(resampled(motion, FPS).joints, np.float32)
    if not np.isfinite(joints).all():
        raise InputError("contains NaN or infinity", motion.file, "leave the file out")
    low, high = joints[..., :2].min((0, 1)), joints[..., :2].max((0, 1))
    joints[..., :2] -= (low + high) / 2
    joints[..., 2] -= np.percentile(joints[..., 2].min(1), 5)
    return joints


def _write_dance(path: Path, joints: Joints) -> None:
    path.write_bytes(np.ascontiguousarray(joints, "<f4").tobytes())


def _write_sound(path: Path, sound: Sound, frames: int) -> None:
    import soundfile

    soundfile.write(path, sound.samples[: round(frames / FPS * sound.rate)], sound.rate, subtype="PCM_16")


def _sound(piece: _Piece, contestants: Sequence[Contestant], music: Path | None) -> Sound:
    from popdanceset.music.song import read_song

    names = dict.fromkeys([piece.name, _VARIANT.sub("", piece.name)])
    names |= dict.fromkeys(motion.name for motion in piece.dances.values())
    folders = [music] if music else [contestant.folder for contestant in contestants]
    for folder in folders:
        for name in names:
            for file in sorted(folder.glob(f"{_escaped(name)}.*")):
                if file.suffix.lower() in SOUNDS:
                    return read_song(file)
    raise InputError(
        f"there is no sound of {piece.name}",
        ", ".join(map(str, folders)),
        "name the folder of the songs with --music",
    )


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)
