"""Folders of motions whose files state nothing about dance: AMASS, and results of GVHMR, WHAM and 4D-Humans.

A file becomes clip 1 of a made-up video (`popdanceset.importers.ids`), unless its name is a clip id. A sound
with the same name beside it is its music. The rate must be known: from the file, its layout, or `--fps`.
"""

from __future__ import annotations

from pathlib import Path

from popdanceset.errors import InputError
from popdanceset.importers.files import files_below
from popdanceset.importers.ids import id_of_file, shown
from popdanceset.importers.items import Contents, Floats, Item, Take
from popdanceset.importers.reading import read_take
from popdanceset.importers.sets.base import FileSet
from popdanceset.motion.layouts.amass import Amass

_SOUND = ".wav"


class SmplSet(FileSet):
    """Motions of any layout that `popdanceset.motion` reads with rotations.

    Args:
        path: a folder, at any depth, or one file.
        options: the user's.
    """

    kind = "smpl"
    released_origin: Floats | None = None
    endings: tuple[str, ...] = (".npz", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".npy", ".json")
    layouts: tuple[str, ...] = ()
    estimator = ""

    def contents(self) -> Contents:
        """Finds the motions.

        Raises:
            InputError: there are none.
        """
        root = self._path if self._path.is_dir() else self._path.parent
        paths = files_below(root, self.endings) if self._path.is_dir() else [self._path]
        if not paths:
            raise InputError(
                f"contains no {', '.join(self.endings)} files", self._path, "give a folder of motions"
            )
        items: dict[str, Item] = {}
        refused: dict[str, str] = {}
        for path in paths:
            name = path.relative_to(root).with_suffix("").as_posix()
            try:
                clip = id_of_file(self.kind, path.stem, name)
            except InputError as error:
                refused[shown(name)] = error.what
                continue
            if str(clip) in items:
                refused[shown(name)] = f"has the same id as {shown(items[str(clip)].name)}"
                continue
            sound = path.with_suffix(_SOUND)
            items[str(clip)] = Item(
                name,
                clip,
                motion=path,
                sound=sound if sound.is_file() else None,
                genre=self._options.genre or Item.genre,
                dancer_id=self._options.dancer or self._dancer(path, root) or clip.bvid,
            )
        return Contents(list(items.values()), refused)

    def read(self, item: Item) -> Take:
        """Reads a motion.

        Raises:
            InputError: it is damaged or unsafe, states no rate, or has no rotations.
        """
        assert item.motion is not None
        return read_take(item.motion, self._options.conventions, self.layouts, self.estimator)

    def _dancer(self, path: Path, root: Path) -> str:
        """Who moves, as the folders state it; "" if they do not."""
        return ""


class AmassSet(SmplSet):
    """AMASS: `{set}/{subject}/{motion}.npz`, metres, z up, at the stated rate.

    The set and the subject are the dancer. Body shapes and soft tissue are not imported.
    """

    kind = "amass"
    endings = (".npz",)
    layouts = (Amass.name,)
    estimator = "AMASS (MoSh++)"

    def _dancer(self, path: Path, root: Path) -> str:
        folders = path.relative_to(root).parts[:-1]
        return f"amass:{'/'.join(folders)}" if folders else ""
