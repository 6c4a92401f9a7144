"""Downloads alone, for a run whose screening and cutting other machines do.

One machine is the polite guest: downloads keep to their rate however many machines work on what they bring.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from popdanceset.clip_id import part_id
from popdanceset.errors import DownloadError, RefusedError
from popdanceset.progress import Advance
from popdanceset.schema import Reason
from popdanceset.video.clips import pages
from popdanceset.video.download import download
from popdanceset.withdrawal.guard import respected
from popdanceset.withdrawal.tombstones import is_withdrawn

if TYPE_CHECKING:
    from popdanceset.safety import Net
    from popdanceset.settings import Settings
    from popdanceset.store import Store
    from popdanceset.video.clips import Video
    from popdanceset.video.manifest_folder import ManifestFolder

log = logging.getLogger(__name__)

OF_THE_WHOLE_VIDEO = (Reason.RESTRICTED, Reason.ELSEWHERE)


@dataclass
class Fetched:
    """What became of the downloads of a manifest's videos.

    Attributes:
        complete: ids of videos of which every part has a row of VIDEOS.
        unfinished: ids of videos whose connection or host failed; another run tries them again.
        refused: the refusal that ended the downloads, if one did.
    """

    complete: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    refused: RefusedError | None = None


def ends_video(reason: str, page: int) -> bool:
    """Returns whether a part's reason means that the parts after it need not be requested."""
    # A later part that is gone says nothing about those after it: the uploader may have removed it.
    return reason in OF_THE_WHOLE_VIDEO or (reason == Reason.GONE and page == 1)


def fetch_videos(
    folder: ManifestFolder, settings: Settings, store: Store, net: Net, advance: Advance
) -> Fetched:
    """Downloads every part of every video of a manifest; finished ones are kept.

    A part that fails unexpectedly is left to the acquisition, which gives it its row.

    Args:
        advance: called with the video's id as the note, and no step.

    Raises:
        StoreError: the store is not writable, or full.
    """
    fetched = Fetched()
    for video in folder.manifest.videos:
        if is_withdrawn(video.bvid, store):
            continue
        try:
            with respected(store, bvids=[video.bvid]):
                if _fetch(video, settings, store, net):
                    fetched.complete.append(video.bvid)
        except RefusedError as error:
            fetched.refused = error
            break
        except DownloadError as error:
            log.warning("%s", error)
            fetched.unfinished.append(video.bvid)
        advance(0, video.bvid)
    return fetched


def _fetch(video: Video, settings: Settings, store: Store, net: Net) -> bool:
    """Downloads the parts of a video; returns whether all of them have their rows."""
    for page in pages(video):
        row = None
        with net.under(part_id(video.bvid, page), video.bvid):
            row = download(video.bvid, video.duration, settings, store, page)
        if row is None:
            return False
        if ends_video(row["reason"], page):
            break
    return True
