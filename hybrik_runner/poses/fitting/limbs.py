"""The twelve points of the limbs as those of one body: bones of constant length, seen in the picture.

A network knows well where a joint lies in the picture, and poorly how far away it is: it draws depths towards
the plane of the picture, so that bones change their length with their direction. Bones that keep their length
tell how steeply they stand out of that plane; whether towards the camera or away from it, and what nothing
else tells, is taken from the network. How long the bones are is found along with it, near the proportions
that people have.

Robust Gauss-Newton steps on points and lengths; accelerations are small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hybrik_runner.poses.fitting.motion import Accelerations, Common, step
from popdanceset.skeleton import SMPL_OFFSETS

Floats = NDArray[np.float64]

BONES = np.array([
    (0, 2), (1, 3), (2, 4), (3, 5), (6, 8), (7, 9), (8, 10), (9, 11),
    (0, 1), (6, 7), (6, 0), (7, 1), (6, 1), (7, 0),
])  # fmt: skip
"""Ends of upper arms, forearms, thighs and shanks, left before right; of the lines between shoulders and
between hips; and of the trunk's sides and diagonals."""
GROUPS = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6, 6, 6])
"""Which length each of them has: both sides of the body are alike."""
LENGTHS = np.array([0.27, 0.25, 0.39, 0.38, 0.33, 0.18, 0.50])
"""Metres, of upper arm, forearm, thigh, shank, shoulders, hips and trunk, between the points that networks
show on people."""

_STEPS = 3
"""More of them gain nothing on nine rendered films."""

# Standard deviations: the smaller, the more it counts.
_ACROSS = 0.02
"""Metres, of a point across the line of sight, at the body's distance."""
_DEPTH = np.array([0.1, 0.1, 0.1, 0.08, 0.06, 0.035, 0.07])[GROUPS]
"""Metres, of the bones along the line of sight; groups as `LENGTHS`. How far both networks are off on nine
rendered films."""
_STIFF = np.array([0.02] * 8 + [0.035] * 2 + [0.05] * 4)
"""Metres, of the bones' lengths; a trunk bends, and shoulders shrug."""
_MOVING = 20.0
"""m/s²."""
_PROPORTIONS = 0.03
"""Of a length from that of other people, as a logarithm."""
_LONG = 0.75
"""Quantile of the lengths that were seen which tells the size of a body: depths that are drawn towards the
picture shorten the others."""
_SECONDS = 0.3
"""Of frames whose errors are much the same, and which tell no more of lengths than one."""
_OUTLIER = 2.0
"""Standard deviations from which a residual counts less than half."""
_DAMPING = 0.01

_NEAREST = 0.1
"""Metres. Nothing nearer to the camera is seen."""
_LARGEST = 0.3
"""Metres of one step."""

_SMPL = np.linalg.norm(SMPL_OFFSETS[[18, 20, 4, 7]], axis=1)
_UNKNOWNS = 36


def _incidence() -> Floats:
    """(bones, 12) the second end of each bone less the first."""
    result = np.zeros((len(BONES), 12))
    result[np.arange(len(BONES)), BONES[:, 0]] = -1
    result[np.arange(len(BONES)), BONES[:, 1]] = 1
    return result


_INCIDENCE = _incidence()
_PAIRS = np.einsum("bi,bj->bij", _INCIDENCE, _INCIDENCE).reshape(len(BONES), -1)
_SHARED = np.eye(len(LENGTHS))[GROUPS]


@dataclass(frozen=True, slots=True)
class Limbs:
    """The limbs over a clip.

    Attributes:
        points: (n, 12, 3) shoulders, elbows, wrists, hips, knees and ankles, from the camera, metres.
        lengths: (7,) as `LENGTHS`.
    """

    points: Floats
    lengths: Floats

    @property
    def scaling(self) -> float:
        """Scale of the mean SMPL skeleton."""
        return float(np.median(self.lengths[:4] / _SMPL))


def settled(rays: Floats, seen: Floats, distance: Floats, scores: Floats, times: Floats) -> Limbs:
    """Returns the limbs that agree best with what a network saw.

    Args:
        rays: (n, 12, 2) x/z and y/z of the points in the picture.
        seen: (n, 12, 3) from the middle of the hips, camera axes, metres.
        distance: (n,) of the middle of the hips from the camera, metres.
        scores: (n, 12) confidence.
        times: (n,) seconds.
    """
    first, second = BONES.T
    lengths = _known(np.linalg.norm(seen[:, second] - seen[:, first], axis=2))
    prior = max(1.0, np.ptp(times) / _SECONDS) / _PROPORTIONS**2
    along = seen[..., 2] @ _INCIDENCE.T
    points = np.empty_like(seen)
    points[..., 2] = np.maximum(seen[..., 2] + distance[:, None], _NEAREST)
    points[..., :2] = rays * points[..., 2:]
    accelerations = Accelerations.at(times)
    smooth = np.full(_UNKNOWNS, 1 / _MOVING**2)
    sure = (scores[:, first] + scores[:, second]) / 2
    changes = np.zeros(len(lengths))
    for _ in range(_STEPS):
        frames = np.zeros((len(seen), 12, 3, 12, 3))
        gradient = _of_picture(frames, points, rays, scores)
        bones = points[:, second] - points[:, first]
        long = np.maximum(np.linalg.norm(bones, axis=2), 1e-6)
        unit = bones / long[..., None]
        wanted = (lengths * np.exp(changes))[GROUPS]
        stretched, off = long - wanted, bones[..., 2] - along
        stiff, deep = _robust(stretched, _STIFF), sure * _robust(off, _DEPTH)
        blocks = stiff[..., None, None] * unit[..., :, None] * unit[..., None, :]
        blocks[..., 2, 2] += deep
        coupled = blocks.reshape(len(seen), len(BONES), 9).swapaxes(1, 2) @ _PAIRS
        frames += coupled.reshape(-1, 3, 3, 12, 12).transpose(0, 3, 1, 4, 2)
        pull = (stiff * stretched)[..., None] * unit
        pull[..., 2] += deep * off
        gradient += np.einsum("bk,nbd->nkd", _INCIDENCE, pull)

        longer = -(stiff * wanted)[..., None] * unit  # of the bones' second ends, by the logarithms
        border = np.einsum("nbd,bk,bg->nkdg", longer, _INCIDENCE, _SHARED, optimize=True)
        corner = np.diag((stiff * wanted**2).sum(0) @ _SHARED + prior)
        shared = -(stiff * stretched * wanted).sum(0) @ _SHARED + prior * changes
        whole = frames.reshape(-1, _UNKNOWNS, _UNKNOWNS) + _DAMPING * np.eye(_UNKNOWNS)
        slopes = gradient.reshape(-1, _UNKNOWNS)
        if len(seen) > 2:
            steps = np.diff(points.reshape(-1, _UNKNOWNS), axis=0)
            slopes = slopes + accelerations.gradient(accelerations.of_steps(steps), smooth)
        common = Common(border.reshape(-1, _UNKNOWNS, len(lengths)), corner, shared)
        moved, lengthened = step(whole, slopes, accelerations, smooth, common)
        points = points + np.clip(moved, -_LARGEST, _LARGEST).reshape(points.shape)
        points[..., 2] = np.maximum(points[..., 2], _NEAREST)
        changes = changes + np.clip(lengthened, -_LARGEST, _LARGEST)
    return Limbs(points, lengths * np.exp(changes))


def _known(seen: Floats) -> Floats:
    """Lengths (7,) that are likely beforehand, from those that were seen (n, bones): the proportions of
    people, as long as the longest quarter of what was seen; but lengths that hardly change from frame to
    frame are believed."""
    logs = np.log(np.maximum(seen, 1e-6))
    groups = [logs[:, group == GROUPS] for group in range(len(LENGTHS))]
    long = np.array([np.quantile(group, _LONG) for group in groups])
    usual = np.log(LENGTHS) + np.median(long - np.log(LENGTHS))
    means, spread = (np.array([measure(group) for group in groups]) for measure in (np.mean, np.var))
    share = spread / (spread + _PROPORTIONS**2)
    return np.asarray(np.exp(share * usual + (1 - share) * means))


def _of_picture(frames: Floats, points: Floats, rays: Floats, scores: Floats) -> Floats:
    """Adds the points in the picture to the equations (n, 12, 3, 12, 3); returns the gradient (n, 12, 3)."""
    depth = points[..., 2:]
    share = depth.mean(1, keepdims=True) / depth
    seen = points[..., :2] / depth
    across = (seen - rays) * depth.mean(1, keepdims=True)
    by_point = np.zeros((*depth.shape[:2], 2, 3))
    by_point[..., 0, 0] = by_point[..., 1, 1] = share[..., 0]
    by_point[..., 2] = -seen * share
    weights = scores * _robust(np.linalg.norm(across, axis=2), _ACROSS)
    place = np.arange(12)
    frames[:, place, :, place] += (weights[..., None, None] * (by_point.swapaxes(2, 3) @ by_point)).swapaxes(
        0, 1
    )
    return np.asarray(weights[..., None] * np.einsum("nkad,nka->nkd", by_point, across))


def _robust(missed: Floats, sigma: Floats | float) -> Floats:
    """Weights of residuals with Cauchy's loss, 1/m²."""
    return np.asarray(1 / sigma**2 / (1 + (missed / (_OUTLIER * sigma)) ** 2))
