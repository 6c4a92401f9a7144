"""Joins windows that overlap by half: positions are cross-faded, rotations interpolated along the arc."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import roma
import torch

from training.data.representation import SmplMotion, decode

CHORD = 0.99
"""Cosine of half the arc above which the released code interpolates quaternions linearly."""


def stitch(windows: torch.Tensor, chords: bool = False) -> SmplMotion:
    """Joins consecutive windows.

    Args:
        windows: (windows, window, 156) vectors in original units.
        chords: as in `stitched`.

    Returns:
        Motion of (windows + 1) · window / 2 frames.
    """
    pieces = list(stitched(windows, chords))
    return SmplMotion(*(torch.cat(parts) for parts in zip(*pieces, strict=True)))


def stitched(windows: Iterable[torch.Tensor], chords: bool = False) -> Iterator[SmplMotion]:
    """Joins consecutive windows piece by piece, with at most two windows in memory.

    Args:
        windows: each (window, 156), in original units.
        chords: interpolate short arcs on their chord, as the released code does; angles shrink by up to 0.3 %
            on the way.

    Yields:
        Motion as soon as no later window can change it.
    """
    rest: SmplMotion | None = None
    for vectors in windows:
        poses, translation = decode(vectors)
        shared = len(poses) // 2
        step = len(poses) - shared
        if rest is None:
            yield SmplMotion(poses[:step], translation[:step])
        else:
            yield _cross_faded(rest, SmplMotion(poses[:shared], translation[:shared]), chords)
            yield SmplMotion(poses[shared:step], translation[shared:step])
        rest = SmplMotion(poses[step:], translation[step:])
    if rest is not None:
        yield rest


def slerp(
    first: torch.Tensor, second: torch.Tensor, weight: torch.Tensor, chords: bool = False
) -> torch.Tensor:
    """Spherical linear interpolation: rotations on the shortest arc from `first` to `second`.

    `roma.unitquat_slerp` evaluates every rotation at every step; here each rotation has its own weight, so
    the arc is scaled in the tangent space.

    Args:
        first, second: (…, 3) axis-angle, radians.
        weight: (…) from 0 to 1.
        chords: as in `stitched`.

    Returns:
        (…, 3) axis-angle, radians.
    """
    start = roma.rotvec_to_rotmat(first)
    arc = roma.rotmat_to_rotvec(start.mT @ roma.rotvec_to_rotmat(second))
    rotated: torch.Tensor = roma.rotmat_to_rotvec(start @ roma.rotvec_to_rotmat(weight[..., None] * arc))
    if chords:
        one, other = roma.rotvec_to_unitquat(first), roma.rotvec_to_unitquat(second)
        cosine = (one * other).sum(dim=-1, keepdim=True)
        mixed = torch.lerp(one, torch.where(cosine < 0, -other, other), weight[..., None])
        # The released code does not normalise the quaternion of a chord, so it reads a smaller angle.
        length = mixed.norm(dim=-1, keepdim=True)
        angle = length * roma.unitquat_to_rotvec(mixed / length, shortest_arc=False)
        rotated = torch.where(cosine.abs() > CHORD, angle, rotated)
    return rotated


def _cross_faded(old: SmplMotion, new: SmplMotion, chords: bool) -> SmplMotion:
    weight = torch.linspace(0, 1, len(old.poses), dtype=old.poses.dtype, device=old.poses.device)[:, None]
    poses = slerp(old.poses, new.poses, weight, chords)
    return SmplMotion(poses, torch.lerp(old.translation, new.translation, weight))
