"""PopDanceSet: a pipeline that keeps a popular-dance dataset alive, from video statistics to pose shards.

Read a release:

    from popdanceset import Release

    with Release("popdanceset-demo/store/releases/2026.11.28") as release:
        print(release.version, release.clips.num_rows)
        clip_id = release.clip_ids("train")[0]
        frames = release.frames(clip_id)              # {"smpl_poses": (frames, 24, 3), ...}
        music = release.music(clip_id, "baseline")    # (frames, 35)

Run a stage, as the commands and the Prefect flows do:

    from popdanceset import Settings, Store, acquire_manifest, find_manifest, publish

    settings = Settings.load()                        # popdanceset.toml, environment, defaults
    store = Store(settings.store)                     # a folder or s3://bucket/prefix
    print(acquire_manifest(find_manifest("weekly", settings), settings, store))
    print(publish(settings, store, "weekly").version)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from popdanceset.errors import PopDanceSetError
    from popdanceset.manifest import Manifest, find_manifest, read_manifest
    from popdanceset.music.features import extract_features
    from popdanceset.release.reader import Release
    from popdanceset.release.writer import publish
    from popdanceset.settings import Settings
    from popdanceset.store import Store
    from popdanceset.video.acquire import acquire_manifest

__version__ = "0.1.0"
__all__ = [
    "Manifest",
    "PopDanceSetError",
    "Release",
    "Settings",
    "Store",
    "__version__",
    "acquire_manifest",
    "extract_features",
    "find_manifest",
    "publish",
    "read_manifest",
]

_HOMES = {
    "Manifest": "popdanceset.manifest",
    "PopDanceSetError": "popdanceset.errors",
    "Release": "popdanceset.release.reader",
    "Settings": "popdanceset.settings",
    "Store": "popdanceset.store",
    "acquire_manifest": "popdanceset.video.acquire",
    "extract_features": "popdanceset.music.features",
    "find_manifest": "popdanceset.manifest",
    "publish": "popdanceset.release.writer",
    "read_manifest": "popdanceset.manifest",
}


def __getattr__(name: str) -> Any:
    """Imports a public name on first use: `popdanceset --help` must not wait for pyarrow and pydantic."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
