"""The dancers: a parametric body (Anny, CC0), dressed by colouring and padding its skin, set in motion."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from popdanceset.errors import AssetError
from tests.studio import INSTALL
from tests.studio.motion import HINGES, QUATERNIONS
from tests.studio.steps import Build

Floats = NDArray[np.float64]
Colour = tuple[int, int, int]

TO_STAGE = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
"""Rotation from the captures' axes to the stage's: z up, metres, the dancer facing −y."""

LIMBS = ("upperarm01", "lowerarm01", "wrist", "upperleg01", "lowerleg01", "foot")
JOINTS = tuple(f"{limb}.{side}" for limb in LIMBS for side in "LR")
"""Bones whose heads are `Performance.joints`: shoulders, elbows, wrists, hips, knees, ankles, L before R."""


@dataclass(frozen=True)
class Look:
    """The appearance of a dancer.

    Attributes:
        shirt, trousers, shoes, skin, hair: colours, RGB 0..255.
        long_sleeves, long_legs: whether shirt and trousers are long.
        hem: metres above the hips where the shirt ends; None: where the bones of the back end.
        bun: whether the hair is long and tied up.
        wide: metres by which sleeves and trouser legs stand off at their ends.
        skirt: share of the leg that a skirt covers; 0: none.
        gender: 0 male … 1 female, as Anny numbers them; height, weight, muscle: 0..1.
    """

    shirt: Colour = (40, 70, 150)
    trousers: Colour = (60, 60, 66)
    shoes: Colour = (235, 235, 235)
    skin: Colour = (222, 172, 142)
    hair: Colour = (45, 30, 22)
    long_sleeves: bool = False
    long_legs: bool = True
    hem: float | None = None
    bun: bool = False
    wide: float = 0.0
    skirt: float = 0.0
    gender: float = 0.0
    height: float = 0.5
    weight: float = 0.45
    muscle: float = 0.5


@dataclass(frozen=True)
class Performance:
    """A body in motion on the stage.

    Attributes:
        vertices: (frames, points, 3) float32, skin in metres, stage axes.
        faces: (triangles, 3) int64.
        colours: (points, 3) uint8.
        padding: (points,) distance of cloth and hair from the skin, metres.
        joints: (frames, 12, 3) float32, `JOINTS` in metres.
        root: (frames, 3) float32.
        soles: points of the left and of the right foot.
        toes: (frames, 2, 3) float32, where the left and right second toes begin.
        skirt: points of the body that a skirt hangs from and over; none: no skirt.
        cloth: its colour.
        bun: the point on the head that carries tied hair, or None.
        hair: its colour.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int64]
    colours: NDArray[np.uint8]
    padding: Floats
    joints: NDArray[np.float32]
    root: NDArray[np.float32]
    soles: tuple[NDArray[np.intp], NDArray[np.intp]]
    toes: NDArray[np.float32]
    skirt: NDArray[np.intp]
    cloth: Colour
    bun: int | None
    hair: Colour


def perform(
    look: Look,
    poses: Floats,
    place: tuple[float, float] = (0.0, 0.0),
    grounded: float = 0.0,
    pace: float = 1.0,
) -> Performance:
    """Performs a dance.

    Args:
        poses: (frames, 43) from `motion.dance`.
        place: metres to the right and back on the stage, added to the motion's own place.
        grounded: the body is lowered so that its lowest point touches z = 0; the standard deviation, in
            frames, of the smoothing window; 0 keeps the captured height.
        pace: factor on the way that the root moves: the ratio of the legs' lengths keeps feet where they
            stood in the capture.

    Raises:
        AssetError: the body model is not installed.
    """
    model, shape, rest = at_rest(look)
    import torch

    bone = {label: number for number, label in enumerate(model.bone_labels)}
    heads = rest["bone_poses"][0, :, :3, 3].double().numpy()
    local = np.tile(np.eye(4), (len(poses), model.bone_count, 1, 1))
    for label, rotation in _bone_rotations(poses, heads, bone).items():
        local[:, bone[label], :3, :3] = rotation
    local[:, bone["root"], :3, 3] = pace * poses[:, :3] @ TO_STAGE.T + np.array([*place, 0.0])

    vertices, joints, root, toes = [], [], [], []
    for batch in np.array_split(local, max(len(local) // 30, 1)):
        posed = model(pose_parameters=torch.from_numpy(batch).float(), phenotype_kwargs=shape)
        placed = posed["bone_poses"][:, :, :3, 3].numpy()
        vertices.append(posed["vertices"].numpy())
        joints.append(placed[:, [bone[label] for label in JOINTS]])
        root.append(placed[:, bone["root"]])
        toes.append(placed[:, [bone[f"toe2-1.{side}"] for side in "LR"]])

    moved, placed_joints, placed_root = np.concatenate(vertices), np.concatenate(joints), np.concatenate(root)
    placed_toes = np.concatenate(toes)
    if grounded > 0:
        drop = gaussian_filter1d(moved[:, :, 2].min(axis=1), grounded, mode="nearest")
        for points in (moved, placed_joints, placed_toes):
            points[..., 2] -= drop[:, None]
        placed_root[:, 2] -= drop

    skin = rest["rest_vertices"][0].double().numpy()
    owner = owners(model)
    hips, ankles = (float(heads[bone[name], 2]) for name in ("upperleg01.L", "foot.L"))
    colours, padding = dress(look, skin, owner, hips)
    return Performance(
        moved,
        model.faces.numpy().astype(np.int64),
        colours,
        padding,
        placed_joints,
        placed_root,
        (_sole(owner, "L"), _sole(owner, "R")),
        placed_toes,
        _skirted(look, skin, owner, hips, ankles),
        look.shirt,
        _crown(skin, owner) if look.bun else None,
        look.hair,
    )


def build(look: Look) -> Build:
    """Returns the measures of a dancer's legs, in the captures' axes."""
    model, _, rest = at_rest(look)
    bone = {label: number for number, label in enumerate(model.bone_labels)}
    heads = rest["bone_poses"][0, :, :3, 3].double().numpy()
    ground = float(rest["vertices"][0, :, 2].min())
    hip, knee, ankle = (heads[bone[f"{name}.R"]] for name in ("upperleg01", "lowerleg01", "foot"))
    return Build(
        (hip - heads[bone["root"]]) @ TO_STAGE,
        float(np.linalg.norm(knee - hip)),
        float(np.linalg.norm(ankle - knee)),
        float(ankle[2]) - ground,
        float(heads[bone["toe2-1.R"], 2]) - ground,
    )


def dress(look: Look, skin: Floats, owner: NDArray[np.str_], hips: float) -> tuple[NDArray[np.uint8], Floats]:
    """Returns colours (points, 3) and padding (points,) of a body at rest.

    Args:
        skin: (points, 3) metres at rest, z up, back of the body towards +y.
        owner: (points,) name of the bone that moves each point most.
        hips: height of the hip joints at rest, metres.
    """
    colours = np.tile(np.array(look.skin, np.uint8), (len(skin), 1))
    padding = np.zeros(len(skin))

    def wear(where: NDArray[np.bool_], colour: Colour, thickness: float) -> None:
        colours[where], padding[where] = colour, thickness

    def owned(*bones: str) -> NDArray[np.bool_]:
        return np.asarray(np.any([np.char.startswith(owner, name) for name in bones], axis=0))

    sleeves = ("upperarm", "lowerarm") if look.long_sleeves else ("upperarm",)
    legs = ("upperleg", "lowerleg") if look.long_legs else ("upperleg",)
    head = owner == "head"
    top, back = skin[:, 2].max(), np.quantile(skin[head, 1], 0.72)
    wear(owned("spine", "clavicle", "shoulder", *sleeves), look.shirt, 0.012)
    wear(owned("root", "pelvis", *legs), look.trousers, 0.014)
    if look.hem is not None:
        body = owned("spine", "root", "pelvis", "upperleg")
        covered = skin[:, 2] >= hips + look.hem
        wear(body & covered, look.shirt, 0.018)
        wear(body & ~covered, look.trousers, 0.010)
    wear(owned("foot", "toe"), look.shoes, 0.006)
    scalp = (skin[:, 2] > top - 0.05) | ((skin[:, 1] > back) & (skin[:, 2] > top - 0.20))
    wear(head & scalp, look.hair, 0.012)
    wear(owned("eye"), (60, 40, 30), 0.0)
    if look.wide:
        arms, shins = owned(*sleeves), owned("upperleg", "lowerleg") & look.long_legs
        for limb, down in ((arms, np.abs(skin[:, 0])), (shins, -skin[:, 2])):
            if limb.any():
                along = (down - down[limb].min()) / np.ptp(down[limb])
                padding[limb] += look.wide * np.clip(along[limb], 0, 1)
    return colours, padding


def at_rest(look: Look) -> tuple[Any, dict[str, float], Any]:
    """Returns the body model, the shape of a dancer, and the dancer at rest."""
    model = _body()
    import torch

    chosen = {"gender": look.gender, "muscle": look.muscle, "weight": look.weight, "height": look.height}
    shape = chosen | {"age": 0.6, "proportions": 0.7}
    shape = {label: shape.get(label, 0.5) for label in model.phenotype_labels}
    still = torch.eye(4).repeat(1, model.bone_count, 1, 1)
    return model, shape, model(pose_parameters=still, phenotype_kwargs=shape)


def owners(model: Any) -> NDArray[np.str_]:
    """Returns the name of the bone that moves each point of the skin most, (points,)."""
    strongest = model.vertex_bone_weights.argmax(1, keepdim=True)
    return np.array(model.bone_labels)[model.vertex_bone_indices.gather(1, strongest)[:, 0].numpy()]


def _sole(owner: NDArray[np.str_], side: str) -> NDArray[np.intp]:
    """Returns the points of a foot, "L" or "R"."""
    foot = np.char.startswith(owner, "foot") | np.char.startswith(owner, "toe")
    return np.flatnonzero(foot & np.char.endswith(owner, side))


def _skirted(
    look: Look, skin: Floats, owner: NDArray[np.str_], hips: float, ankles: float
) -> NDArray[np.intp]:
    """Returns the points of the hips and legs that a skirt covers."""
    if not look.skirt:
        return np.zeros(0, np.intp)
    below = np.any([np.char.startswith(owner, name) for name in ("pelvis", "upperleg", "lowerleg")], axis=0)
    return np.flatnonzero(below & (skin[:, 2] > hips - look.skirt * (hips - ankles)))


def _crown(skin: Floats, owner: NDArray[np.str_]) -> int:
    """Returns the point at the upper back of the head."""
    return int(np.argmax(np.where(owner == "head", skin[:, 1] + 1.1 * skin[:, 2], -np.inf)))


def _bone_rotations(poses: Floats, heads: Floats, bone: dict[str, int]) -> dict[str, Floats]:
    """Returns the rotations (frames, 3, 3) of the bones relative to their rest pose, in stage axes.

    Args:
        heads: (bones, 3) where the bones begin at rest.
    """

    def staged(rotation: Rotation) -> Floats:
        return np.asarray(TO_STAGE @ rotation.as_matrix() @ TO_STAGE.T)

    turn = {
        joint: staged(Rotation.from_quat(poses[:, first : first + 4], scalar_first=True))
        for joint, first in QUATERNIONS.items()
    }
    for joint, column in HINGES.items():
        turn[joint] = staged(Rotation.from_rotvec(poses[:, [column]] * np.array([0.0, 0.0, 1.0])))

    bent = Rotation.from_matrix(turn["chest"]).as_rotvec() / 3
    third_of_chest = Rotation.from_rotvec(bent).as_matrix()
    bones = {"root": turn["root"], "neck01": turn["neck"]}
    bones |= dict.fromkeys(("spine04", "spine03", "spine02"), third_of_chest)
    for side, s in (("right", "R"), ("left", "L")):
        # The captures count limbs from hanging straight down; the body rests with its limbs spread.
        def hanging(upper: str, lower: str, s: str = s) -> Floats:
            return _onto_down(heads[bone[f"{lower}.{s}"]] - heads[bone[f"{upper}.{s}"]])

        arm, forearm = hanging("upperarm01", "lowerarm01"), hanging("lowerarm01", "wrist")
        thigh, shin = hanging("upperleg01", "lowerleg01"), hanging("lowerleg01", "foot")
        bones[f"upperarm01.{s}"] = turn[f"{side}_shoulder"] @ arm
        bones[f"lowerarm01.{s}"] = arm.T @ turn[f"{side}_elbow"] @ forearm
        bones[f"upperleg01.{s}"] = turn[f"{side}_hip"] @ thigh
        bones[f"lowerleg01.{s}"] = thigh.T @ turn[f"{side}_knee"] @ shin
        bones[f"foot.{s}"] = shin.T @ turn[f"{side}_ankle"]
    return bones


def _onto_down(direction: Floats) -> Floats:
    """Returns the smallest rotation (3, 3) that turns a direction straight down."""
    unit = direction / np.linalg.norm(direction)
    axis = np.cross(unit, (0.0, 0.0, -1.0))
    sine = float(np.linalg.norm(axis))
    angle = np.arctan2(sine, -unit[2])
    return np.asarray(Rotation.from_rotvec(axis / max(sine, 1e-12) * angle).as_matrix())


@functools.cache
def _body() -> Any:
    try:
        import anny
        import torch
    except ImportError as error:
        raise AssetError("the dancers' body model is missing", "anny", INSTALL) from error
    return anny.Anny().to(dtype=torch.float32)
