"""python -m tests.studio.girths: how thick the limbs of the body model are, beside their capsules.

Prints, for each kind of capsule, the median distance of the skin from the axis of its limb, in millimetres,
and the radius of the capsule on the mean SMPL body; of the trunk half its depth, of the head the mean of that
and half its width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from popdanceset.motion.body.capsules import CAPSULES
from tests.studio.casting import Look, at_rest, owners

Floats = NDArray[np.float64]

LIMBS = {
    "thigh_l": (("upperleg",), "upperleg01.L", "lowerleg01.L"),
    "shin_l": (("lowerleg",), "lowerleg01.L", "foot.L"),
    "upper_arm_l": (("upperarm",), "upperarm01.L", "lowerarm01.L"),
    "forearm_l": (("lowerarm",), "lowerarm01.L", "wrist.L"),
    "neck": (("neck",), "neck01", "head"),
}
"""Capsule → the bones that move the limb's skin, and the heads of the bones between which its axis lies."""

SLABS = {"abdomen_l": (0.1, 0.4), "chest_l": (0.4, 0.9)}
"""Capsule → the part of the trunk, from the hips (0) to the neck (1)."""


def from_axis(skin: Floats, start: Floats, end: Floats) -> Floats:
    """(n,) distances of points from a segment."""
    along = end - start
    share = np.clip((skin - start) @ along / (along @ along), 0, 1)
    return np.asarray(np.linalg.norm(skin - start - share[:, None] * along, axis=1))


def girths() -> dict[str, float]:
    """Returns the measured radius of each capsule that is measured, metres."""
    model, _, rest = at_rest(Look(gender=0.5, weight=0.5))
    skin = rest["rest_vertices"][0].double().numpy()
    owner = owners(model)
    places = rest["rest_bone_heads"][0].double().numpy()
    heads = dict(zip(model.bone_labels, places, strict=True))
    left = skin[:, 0] > 0

    def moved_by(*bones: str) -> NDArray[np.bool_]:
        return np.asarray(np.any([np.char.startswith(owner, bone) for bone in bones], axis=0))

    found = {}
    for name, (bones, start, end) in LIMBS.items():
        own = moved_by(*bones) & (left | (name == "neck"))
        found[name] = float(np.median(from_axis(skin[own], heads[start], heads[end])))
    hips, neck = heads["upperleg01.L"][2], heads["neck01"][2]
    trunk = moved_by("root", "pelvis", "spine", "clavicle", "breast")
    for name, part in SLABS.items():
        low, high = hips + np.array(part) * (neck - hips)
        levels = np.linspace(low, high, 12)
        middle = skin[trunk & (np.abs(skin[:, 0]) < 0.1)]
        slices = [middle[np.abs(middle[:, 2] - level) < 0.02, 1] for level in levels]
        found[name] = float(np.mean([np.ptp(points) / 2 for points in slices if len(points)]))
    found["head"] = float(np.ptp(skin[moved_by("head"), :2], axis=0).mean() / 2)
    return found


def main() -> None:
    """Prints the table."""
    radii = {capsule.name: capsule.radius for capsule in CAPSULES}
    print(f"{'':12} measured  capsule, mm")
    for name, radius in girths().items():
        print(f"{name.removesuffix('_l'):12} {1000 * radius:8.0f} {1000 * radii[name]:8.0f}")


if __name__ == "__main__":
    main()
