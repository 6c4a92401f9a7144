"""The published PopDanceSet, the paper's 760 clips as well as the upgraded 1,036.

    …/BV…_Clip_n.pkl        `transl`, `pred_thetas` (72 axis-angle), `pred_camera`; 30 fps, axes of the camera
    …/BV…_Clip_n.wav        its sound
    …/train.txt, test.txt   the published splits, one clip id a line
    …/high_quality_dataset  clip ids, optional
    …/dataset_directory     addresses of the videos, optional

Positions are `transl · pred_camera`, as the released loader calculates them: HybrIK's depth times its scale
is nearly constant, so the dancers hardly move away from the camera or towards it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.bilibili.ids import find_bvid
from popdanceset.errors import InputError
from popdanceset.importers.files import by_stem, check_lines, files_below, named, read_lines
from popdanceset.importers.ids import parse_clip_id, shown
from popdanceset.importers.items import Contents, Floats, Item, Take
from popdanceset.importers.reading import read_take
from popdanceset.importers.sets.base import FileSet
from popdanceset.motion.layouts.ground_truth import PopDanceSetPrepared, PopDanceSetRaw
from popdanceset.schema import Reason

MOTIONS = (".pkl", ".pickle")
SOUNDS = (".wav",)
SPLITS = ("train", "val", "test")
HIGH_QUALITY = ("high_quality_dataset", "high_quality_dataset.txt")
DIRECTORY = ("dataset_directory", "dataset_directory.txt")

ESTIMATOR = "HybrIK, as published in PopDanceSet"


class PublishedPopDanceSet(FileSet):
    """The published PopDanceSet in a folder; its files may lie at any depth.

    Args:
        path: the folder.
        options: the user's.
    """

    kind = "popdanceset"
    released_origin: Floats | None = np.array([0.0, -5.0, 1.0])

    def contents(self) -> Contents:
        """Finds pickles, sounds and lists.

        Raises:
            InputError: there is no pickle, or a list names something that is not a clip id, or one clip
            twice.
        """
        motions, sounds = by_stem(files_below(self._path, MOTIONS)), by_stem(files_below(self._path, SOUNDS))
        if not motions:
            raise InputError(
                "contains no pickles of motions", self._path, "give the folder of the published set"
            )
        split_of = self._splits()
        high_quality = self._list(HIGH_QUALITY)
        items: list[Item] = []
        refused: dict[str, str] = {}
        for name in sorted({*motions, *split_of}):
            try:
                clip = parse_clip_id(name)
            except InputError as error:
                refused[shown(name)] = error.what
                continue
            item = Item(
                name,
                clip,
                sound=_only(sounds.get(name)),
                genre=self._options.genre or Item.genre,
                dancer_id=self._options.dancer or clip.bvid,
                published_split=split_of.get(name),
                high_quality=None if high_quality is None else name in high_quality,
            )
            items.append(self._with_motion(item, motions.get(name, []), sounds.get(name, [])))
        facts = self._facts(items)
        if split_of:
            facts["lists"] = {name: n for name in SPLITS if (n := sum(s == name for s in split_of.values()))}
        return Contents(items, refused, facts)

    def read(self, item: Item) -> Take:
        """Reads a pickle.

        Raises:
            InputError: it is damaged or unsafe, or has another layout.
        """
        assert item.motion is not None
        expected = (PopDanceSetRaw.name, PopDanceSetPrepared.name)
        return read_take(item.motion, self._options.conventions, expected, ESTIMATOR)

    def _splits(self) -> dict[str, str]:
        """Clip id → published split."""
        found: dict[str, str] = {}
        for split in SPLITS:
            path = self._find((f"{split}.txt",))
            if path is None:
                continue
            for clip_id, number in check_lines(read_lines(path), path).items():
                where = f"{path}, line {number}"
                parse_clip_id(clip_id, where)
                if clip_id in found:
                    raise InputError(f"{clip_id} is in {found[clip_id]} and {split}", where, "remove one")
                found[clip_id] = split
        return found

    def _list(self, names: tuple[str, ...]) -> set[str] | None:
        path = self._find(names)
        if path is None:
            return None
        ids = check_lines(read_lines(path), path)
        for clip_id, number in ids.items():
            parse_clip_id(clip_id, f"{path}, line {number}")
        return set(ids)

    def _facts(self, items: list[Item]) -> dict[str, Any]:
        """What the directory of addresses says about the videos of the clips."""
        path = self._find(DIRECTORY)
        if path is None:
            return {}
        listed = {bvid for _, line in read_lines(path) if (bvid := find_bvid(line))}
        videos = {item.clip.bvid for item in items}
        return {"directory": {"videos": len(listed), "without_clips": len(listed - videos),
                              "not_listed": len(videos - listed)}}  # fmt: skip

    def _with_motion(self, item: Item, motions: list[Path], sounds: list[Path]) -> Item:
        """The item with its motion, or with the reason why it cannot be read."""
        if not motions:
            return replace(item, reason=Reason.MISSING, note="the published splits list it")
        for paths in (motions, sounds):
            if len(paths) > 1:
                names = " and ".join(path.relative_to(self._path).as_posix() for path in paths[:2])
                return replace(item, reason=Reason.DAMAGED, note=f"the set has several files of it: {names}")
        return replace(item, motion=motions[0])

    def _find(self, names: tuple[str, ...]) -> Path | None:
        """The file of a list.

        Raises:
            InputError: there are several with different content.
        """
        found = [path for folder in (self._options.lists,) if folder for path in named(folder, names)]
        found = found or named(self._path, names)
        if len({path.read_bytes() for path in found}) > 1:
            raise InputError(
                f"contains {len(found)} different lists {names[0]}: {found[0]} and {found[1]}", self._path,
                "name the folder of the right ones with --lists",
            )  # fmt: skip
        return found[0] if found else None


def _only(paths: list[Path] | None) -> Path | None:
    return paths[0] if paths else None
