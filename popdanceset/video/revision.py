"""Reviewers' changes to videos that are acquired already: `acquire` makes them, and leaves all others alone.

Nothing is downloaded or screened, and nothing is planned with other settings (`popdanceset.video.replan` does
that): a part's plan is taken from its rows, and what reviewers want is done to it. The video is read only if
a clip must be cut.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from popdanceset.clip_id import clip_order, part_id
from popdanceset.errors import MediaError, SchemaError
from popdanceset.safety import Net
from popdanceset.video.clips import Row, Video, in_turn, read_rows
from popdanceset.video.manifest_folder import ManifestFolder
from popdanceset.video.replan import STAGE, plan_again
from popdanceset.video.reviewed import is_outstanding

if TYPE_CHECKING:
    from popdanceset.settings import Settings
    from popdanceset.store import Store

log = logging.getLogger(__name__)


class Revision:
    """Makes reviewers' changes, one video at a time.

    Args:
        folder: of the manifest; its list of clips should be up to date.

    Attributes:
        changed: number of parts that were changed.
        left: parts that could not be changed, and are as they were.
    """

    def __init__(self, folder: ManifestFolder, settings: Settings, store: Store) -> None:
        self._folder, self._settings, self._store = folder, settings, store
        self._net = Net(STAGE, store)
        self._pages: dict[str, set[int]] = {}
        for clip_id in folder.reviews:
            bvid, page, _ = clip_order(clip_id)
            self._pages.setdefault(bvid, set()).add(page)
        self.changed = 0
        self.left: list[str] = []

    def revised(self, video: Video, rows: Sequence[Row]) -> list[Row]:
        """Makes the changes to a video, part by part.

        Args:
            rows: of all of its parts, as they were just read.

        Returns:
            The rows as they are now.

        Raises:
            StoreError: the store is not writable, or full.
            SettingsError: the rules for genres are wrong.
        """
        parts: dict[int, list[Row]] = {}
        for row in rows:
            parts.setdefault(row["page"], []).append(row)
        # An imported video may have parts that its line in the manifest does not know of.
        for page in sorted(self._pages.get(video.bvid, set()) - parts.keys()):
            parts[page] = (read_rows(video.bvid, page, self._store) or []) if page > 0 else []
        return [row for page, some in sorted(parts.items()) for row in self._part(video, page, some)]

    def _part(self, video: Video, page: int, rows: list[Row]) -> list[Row]:
        item, now = part_id(video.bvid, page), None
        with self._net.under(item, video.bvid):
            if not is_outstanding(rows, self._folder.reviews, self._store):
                return rows
            now = self._changed(video, page)
            self._net.forget(item)
        if now is None:
            self.left.append(item)
            return rows
        self.changed += 1
        return now

    def _changed(self, video: Video, page: int) -> list[Row] | None:
        """The rows of a part as reviewers want them; None if that is not possible."""
        folder, store = self._folder, self._store
        with in_turn(video.bvid, store):
            before = read_rows(video.bvid, page, store)
            if before is None:  # somebody removed it
                return []
            known = folder.listed.get((video.bvid, page), ())
            try:
                return plan_again(
                    video,
                    page,
                    before,
                    self._settings,
                    store,
                    known,
                    folder.dancers,
                    folder.reviews,
                    keep_plan=True,
                )
            except (MediaError, SchemaError) as error:
                log.warning("%s; its clips are left as they are, and wait for reviewers' changes", error)
                return None
