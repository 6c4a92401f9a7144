"""The body of capsules (`popdanceset.motion.body`) in torch: how deep its limbs are in each other."""

from __future__ import annotations

import torch

from popdanceset.motion.body.capsules import ENDS, PAIRS, RADII
from popdanceset.motion.body.self_penetration import REST_OVERLAPS

_TINY = 1e-12


_FIRST, _SECOND = (list(side) for side in zip(*PAIRS, strict=True))
_ALLOWED = RADII[_FIRST] + RADII[_SECOND] - REST_OVERLAPS
"""(pairs,) metres: distances of axes at which limbs begin to be in each other."""


def overlaps(joints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How much capsules of the mean body overlap beyond the rest pose, of all pairs that come near.

    Args:
        joints: (frames, 24, 3) metres.

    Returns:
        Numbers of frames (n,), and overlaps (n,) in metres, negative where capsules are apart. Pairs of
        `popdanceset.motion.body.capsules.PAIRS` whose bounding spheres do not meet are left out.
    """
    ends = torch.einsum("cej,fjk->fcek", _as(ENDS, joints), joints)
    allowed = _as(_ALLOWED, joints)
    with torch.no_grad():
        middle = ends.mean(-2)
        half = (ends[..., 1, :] - ends[..., 0, :]).norm(dim=-1) / 2
        apart = (middle[:, _FIRST] - middle[:, _SECOND]).norm(dim=-1)
        frame, pair = (apart < half[:, _FIRST] + half[:, _SECOND] + allowed).nonzero(as_tuple=True)
    first, second = torch.tensor(_FIRST, device=joints.device), torch.tensor(_SECOND, device=joints.device)
    distances = segment_distances(ends[frame, first[pair]], ends[frame, second[pair]])
    return frame, allowed[pair] - distances


def segment_distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Distances (…) of pairs of segments, as `popdanceset.motion.body.segments.segment_distances`.

    The nearest points are found without gradients: where they are, the distance does not depend on their
    places along the segments to first order, so its gradient is exact all the same. It is 0 where axes cross.

    Args:
        first, second: (…, 2, 3) both ends of the segments of each pair.
    """
    with torch.no_grad():
        share_a, share_b = _nearest(first, second)
    one = torch.lerp(first[..., 0, :], first[..., 1, :], share_a[..., None])
    other = torch.lerp(second[..., 0, :], second[..., 1, :], share_b[..., None])
    return ((one - other).square().sum(-1) + _TINY).sqrt()


def _nearest(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where along both segments the nearest points lie, (…) each, 0..1: the best of five candidates."""
    a, along_a = first[..., 0, :], first[..., 1, :] - first[..., 0, :]
    b, along_b = second[..., 0, :], second[..., 1, :] - second[..., 0, :]
    between = b - a
    aa, bb, ab = ((u * v).sum(-1) for u, v in ((along_a, along_a), (along_b, along_b), (along_a, along_b)))
    ra, rb = (between * along_a).sum(-1), (between * along_b).sum(-1)
    # The first candidate is where lines are nearest; outside the segments or for parallels it is wrong, but
    # clamped it is a pair of points as good as any, and never better than the best.
    safe = (aa * bb - ab * ab).clamp(min=_TINY)
    safe_aa, safe_bb = aa.clamp(min=_TINY), bb.clamp(min=_TINY)
    zero, one = torch.zeros_like(aa), torch.ones_like(aa)
    shares_a = torch.stack([(ra * bb - rb * ab) / safe, zero, one, ra / safe_aa, (ra + ab) / safe_aa])
    shares_b = torch.stack([(ra * ab - rb * aa) / safe, -rb / safe_bb, (ab - rb) / safe_bb, zero, one])
    shares_a, shares_b = shares_a.clamp(0, 1), shares_b.clamp(0, 1)
    # Squared distance, from the products above: no more vectors for each candidate.
    squared = (
        shares_a.square() * aa
        + shares_b.square() * bb
        - 2 * shares_a * shares_b * ab
        - 2 * shares_a * ra
        + 2 * shares_b * rb
    )
    best = squared.argmin(0, keepdim=True)
    return shares_a.gather(0, best)[0], shares_b.gather(0, best)[0]


def _as(values: object, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(values, dtype=like.dtype, device=like.device)
