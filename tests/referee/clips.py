"""Films with known truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from popdanceset import media as videos
from popdanceset.errors import InputError

Floats = NDArray[np.float64]

SPLITS = ("media", "tuning", "test")
_TRUTH = "_truth.npz"
_VIEW = 40.0
"""Degrees, vertical, of the camera that the dances of the shared media were rendered with."""


@dataclass(frozen=True)
class Camera:
    """A calibrated camera, in OpenCV's axes: a point is at R · point + t.

    Attributes:
        K: (3, 3) pixels.
        R, t: (3, 3) and (3,) metres.
        distortion: k1 k2 p1 p2.
    """

    K: Floats
    R: Floats
    t: Floats
    distortion: Floats

    def project(self, points: Floats) -> Floats:
        """(…, 3) metres → (…, 2) pixels."""
        flat, _ = cv2.projectPoints(
            points.reshape(-1, 1, 3), cv2.Rodrigues(self.R)[0], self.t, self.K, self.distortion
        )
        return np.asarray(flat, np.float64).reshape(*points.shape[:-1], 2)


@dataclass(frozen=True)
class Clip:
    """A film and what is known of it.

    Attributes:
        film: the video.
        split: "media", "tuning" or "test".
        kind: what is hard about it.
        joints: (n, 12, 3) true limb joints at 30 fps, metres, z up; None: unknown.
        contact: (n, 2) whether the left and right foot truly stand; None: unknown.
        feet: (n, 4, 3) true ankles and toes of left and right, as `FOOT_JOINTS` are ordered, above the floor
            less the height that they have in a flat foot; None: unknown.
        camera: None: unknown.
    """

    film: Path
    split: str
    kind: str
    joints: Floats | None = None
    contact: NDArray[np.bool_] | None = None
    feet: Floats | None = None
    camera: Camera | None = None

    @property
    def name(self) -> str:
        """The film's name."""
        return self.film.stem


def media(folder: Path) -> list[Clip]:
    """Returns the clips of the shared media: dances, a person without truth, two views of another person."""
    found = []
    for film in sorted(folder.glob("[!.]*.mp4")):
        truth = film.with_name(film.stem + _TRUTH)
        if truth.exists():
            known = _read(truth)
            camera = _aimed(known["cam"], known["focal"], _size(film))
            found.append(Clip(film, "media", "rendered", known["J"], camera=camera))
        else:
            found.append(Clip(film, "media", "person"))
    views = folder / "multiview"
    if (views / "truth.npz").exists():
        joints, cameras = _read(views / "truth.npz")["J"], _read(views / "cameras.npz")
        for index, name in enumerate(cameras["names"].tolist()):
            camera = Camera(*(cameras[key][index] for key in ("K", "R", "t", "distortion")))
            film = views / f"{name}.mp4"
            if film.exists():
                found.append(Clip(film, "media", "person", joints, camera=camera))
    return found


def on_trial(folder: Path) -> list[Clip]:
    """Returns the films of `tests.studio.trial` in FOLDER/tuning and FOLDER/test.

    Raises:
        InputError: a film lacks its truth.
    """
    found = []
    for split in SPLITS[1:]:
        for film in sorted((folder / split).glob("[!.]*.mp4")):
            known = _read(film.with_name(film.stem + _TRUTH))
            camera = Camera(known["K"], known["R"], known["t"], np.zeros(4))
            feet = np.concatenate([known["J"][:, 10:12], known["toes"]], axis=1)
            feet[..., 2] -= known["floor"] + np.repeat(known["flat"], 2)
            found.append(Clip(film, split, str(known["kind"]), known["J"], known["contact"], feet, camera))
    return found


def _aimed(place: Floats, target: Floats, size: tuple[int, int]) -> Camera:
    """The upright camera at a place (3,) that looks at a target (3,), world axes z up."""
    forward = (target - place) / np.linalg.norm(target - place)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    focal = size[1] / 2 / np.tan(np.radians(_VIEW) / 2)
    pinhole = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    return Camera(pinhole, axes, -axes @ place, np.zeros(4))


def _size(film: Path) -> tuple[int, int]:
    """Width and height of a film, pixels."""
    image = next(iter(videos.frames(film))).image
    return image.shape[1], image.shape[0]


def _read(path: Path) -> dict[str, Any]:
    try:
        with np.load(path) as stored:
            return {
                name: stored[name].astype(np.float64) if stored[name].dtype.kind == "f" else stored[name]
                for name in stored.files
            }
    except (OSError, ValueError) as error:
        raise InputError(
            f"the truth of a film cannot be read: {error}",
            path,
            "render it again with python -m tests.studio",
        ) from error
