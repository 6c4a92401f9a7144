"""AIST++: one pickle a sequence, with its lists.

    …/motions/{sequence}.pkl        `smpl_poses`, `smpl_scaling`, `smpl_trans`; 60 fps, y up, centimetres
    …/keypoints3d/{sequence}.pkl    `keypoints3d_optim` or `keypoints3d`, COCO order, the same axes; optional
    …/wavs/{sequence}.wav           sound, or {music}.wav; optional
    …/splits/crossmodal_train.txt   sequences, one a line; likewise …_val.txt and …_test.txt
    …/ignore_list.txt               sequences that the authors advise against

A sequence becomes clip 1 of a made-up video (`popdanceset.importers.ids`); its music id is `aist:mBR0`, its
dancer `aist:d04`. Sequences with the same choreography by other dancers are in the same published split.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from popdanceset.errors import InputError
from popdanceset.importers.files import by_stem, files_below, named, read_lines
from popdanceset.importers.ids import check_name, id_of_aist, parse_aist, shown
from popdanceset.importers.items import Contents, Floats, Item, Take
from popdanceset.importers.reading import read_take
from popdanceset.importers.sets.base import FileSet
from popdanceset.motion.axes import to_z_up
from popdanceset.motion.content import Content
from popdanceset.motion.formats import read_content
from popdanceset.motion.joint_motion import mean_body
from popdanceset.motion.layouts.aist import AistPlusPlus
from popdanceset.motion.layouts.base import shaped
from popdanceset.schema import Reason
from popdanceset.skeleton import LIMB_JOINTS

GENRES = {
    "BR": "breaking", "PO": "popping", "LO": "locking", "MH": "hip-hop", "LH": "hip-hop", "HO": "house",
    "WA": "waacking", "KR": "krump", "JS": "jazz", "JB": "ballet",
}  # fmt: skip
"""Codes of AIST++ → genres of this project. Both kinds of hip-hop, Middle and LA-style, are one genre here;
JS is street jazz and JB ballet jazz."""

_KEYPOINTS = ("keypoints3d_optim", "keypoints3d")
_KEYPOINT_FOLDER = "keypoints3d"
_LIMBS = tuple(range(5, 17))
"""COCO's shoulders, elbows, wrists, hips, knees and ankles, in the order of `LIMB_JOINTS`."""

_CENTIMETRES = 10.0
"""Scalings above this are those of bodies in centimetres (about 93); others are those of bodies in metres."""

_SPLIT = re.compile(r"(?:(.*)_)?(train|val|test)\.txt")
_GENERATION = "crossmodal"
"""Prefix of the lists for dance generation; those of pose estimation (`pose_…`) divide the set otherwise."""
_IGNORED = ("ignore_list.txt",)


class AistPlusPlusSet(FileSet):
    """AIST++ in a folder; its files may lie at any depth.

    Args:
        path: the folder.
        options: the user's.
    """

    kind = "aist++"
    released_origin: Floats | None = np.zeros(3)

    def contents(self) -> Contents:
        """Finds motions, keypoints, sounds and lists.

        Raises:
            InputError: there is no motion, or a list cannot be read.
        """
        pickles = files_below(self._path, (".pkl",))
        keypoints = by_stem([path for path in pickles if path.parent.name.startswith(_KEYPOINT_FOLDER)])
        motions = by_stem([path for path in pickles if not _is_other(path, self._path)])
        if not motions:
            raise InputError("contains no motions of AIST++", self._path, "give the folder with motions/")
        sounds = by_stem(files_below(self._path, (".wav",)))
        split_of, ignored = self._splits(), self._ignored()
        items: list[Item] = []
        refused: dict[str, str] = {}
        for name in sorted({*motions, *split_of}):
            try:
                check_name(name)
                item = self._item(name)
            except InputError as error:
                refused[shown(name)] = error.what
                continue
            files, sound = motions.get(name, []), sounds.get(name) or sounds.get(item.music_id[5:]) or []
            item = replace(
                item,
                motion=files[0] if files else None,
                sound=sound[0] if sound else None,
                keypoints=next(iter(keypoints.get(name, ())), None),
                published_split=split_of.get(name),
            )
            if name in ignored:
                item = replace(item, reason=Reason.IGNORED, note="its authors' ignore_list.txt names it")
            elif not files:
                item = replace(item, reason=Reason.MISSING, note="the published splits list it")
            elif len(files) > 1:
                item = replace(item, reason=Reason.DAMAGED, note=f"the set has {len(files)} files of it")
            items.append(item)
        lists = {
            split: sum(found == split for found in split_of.values()) for split in ("train", "val", "test")
        }
        return Contents(items, refused, {"lists": lists, "ignored": len(ignored)} if split_of else {})

    def read(self, item: Item) -> Take:
        """Reads a motion: a body of its true size, in metres.

        Raises:
            InputError: a file is damaged or unsafe, or has another layout.
        """
        assert item.motion is not None
        take = read_take(item.motion, self._options.conventions, (AistPlusPlus.name,), "AIST++ (SMPL fit)")
        given = read_content(item.motion, AistPlusPlus.keys).arrays.get("smpl_scaling")
        scaling = 1.0 if given is None else float(np.asarray(given, np.float64).ravel()[0])
        unit = 0.01 if scaling > _CENTIMETRES else 1.0
        # The reader divides by the scaling: its root is that of a mean body.
        take = replace(take, root=take.root * (scaling * unit), scaling=scaling * unit)
        if item.keypoints is None:
            return take
        return _with_keypoints(take, item.keypoints, unit)

    def _item(self, name: str) -> Item:
        found = parse_aist(name)
        clip = id_of_aist(name)
        if found is None:
            return Item(
                name,
                clip,
                genre=self._options.genre or Item.genre,
                dancer_id=self._options.dancer or clip.bvid,
            )
        return Item(
            name,
            clip,
            music_id=f"aist:{found.music}",
            genre=GENRES.get(found.genre, Item.genre),
            dancer_id=f"aist:d{found.dancer}",
        )

    def _splits(self) -> dict[str, str]:
        """Sequence → published split, of the lists for dance generation."""
        for folder in (self._options.lists, self._path):
            lists: dict[str, dict[Path, str]] = {}
            for path in files_below(folder, (".txt",)) if folder else ():
                if match := _SPLIT.fullmatch(path.name):
                    lists.setdefault(match[1] or "", {})[path] = match[2]
            if lists:
                return _sequences(lists, folder)
        return {}

    def _ignored(self) -> set[str]:
        folders = [folder for folder in (self._options.lists, self._path) if folder is not None]
        paths = [path for folder in folders for path in named(folder, _IGNORED)]
        return {name for path in paths for _, name in read_lines(path)}


def _sequences(lists: dict[str, dict[Path, str]], folder: Path | None) -> dict[str, str]:
    """Sequence → split, from the lists of one prefix.

    Raises:
        InputError: there are several and none is for dance generation, or a sequence is in two splits.
    """
    prefix = _GENERATION if _GENERATION in lists else next(iter(lists))
    if len(lists) > 1 and prefix != _GENERATION:
        raise InputError(
            f"contains lists of {len(lists)} kinds: {', '.join(sorted(lists))}", folder,
            "name a folder with one kind with --lists",
        )  # fmt: skip
    found: dict[str, str] = {}
    for path, split in lists[prefix].items():
        for number, name in read_lines(path):
            if found.setdefault(name, split) != split:
                where = f"{path}, line {number}"
                raise InputError(
                    f"{shown(name)} is in {found[name]} and {split}", where, "remove one of the lines"
                )
    return found


def _is_other(path: Path, root: Path) -> bool:
    """Whether a pickle lies in a folder of keypoints or cameras."""
    folders = path.relative_to(root).parts[:-1] if path != root else ()
    return any(folder.startswith(("keypoints", "camera")) for folder in folders)


def _with_keypoints(take: Take, path: Path, unit: float) -> Take:
    """Adds COCO keypoints relative to the root.

    AIST++'s translation is not that of the pelvis but lies a constant vector from it, as SMPL defines it. The
    vector is the median distance of the twelve limb keypoints from the body's joints.

    Raises:
        InputError: the file is damaged, or has other frames than the motion.
    """
    content: Content = read_content(path, _KEYPOINTS)
    given = content.first(_KEYPOINTS)
    if given is None:
        raise InputError(f"holds no keypoints3d; its arrays: {content.describe()}", path)
    points = to_z_up(shaped(given, (17, 3), content, len(take.poses)).astype(np.float64) * unit, "y")
    joints = mean_body(take.poses, np.zeros_like(take.root)).astype(np.float64) * take.scaling
    away = points[:, _LIMBS] - take.root[:, None] - joints[:, LIMB_JOINTS]
    if not np.isfinite(away).any(-1).any():
        return take
    offset = np.nanmedian(away, axis=(0, 1))
    relative = points - take.root[:, None] - offset
    how = f"{take.how}; keypoints relative to the translation moved by {np.round(offset, 4).tolist()} m"
    return replace(take, columns={**take.columns, "coco_keypoints3d": relative}, how=how)
