"""Assigns media and modes to simulated videos, with the outcome that a correct pipeline reaches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, cycle
from pathlib import Path

from popdanceset.errors import InputError, MediaError
from popdanceset.simulator.records import Mode, SimulatedVideo

MEDIA_FOLDER = Path(__file__).parent / "media"
PREVIEW_FACTOR = 3  # a paid video is at least this many times longer than its preview
PAID_SECONDS = 60  # minimum duration of a paid video


@dataclass(frozen=True, slots=True)
class Media:
    """One entry of the media index."""

    name: str
    path: Path
    seconds: float
    fps: float
    width: int
    height: int
    outcome: str  # the outcome of a correct pipeline: "accepted" or the reason of a rejection


def read_media(folder: Path = MEDIA_FOLDER) -> dict[str, Media]:
    """Reads the media of `folder`, by name, in the order of its `index.json`.

    Raises:
        InputError: the index is missing, unreadable or empty.
        MediaError: a file in the index is missing.
    """
    index = folder / "index.json"
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
        media = {
            name: Media(
                name,
                folder / entry["file"],
                float(entry["seconds"]),
                float(entry["fps"]),
                int(entry["width"]),
                int(entry["height"]),
                str(entry["outcome"]),
            )
            for name, entry in entries.items()
        }
    except OSError as error:
        raise InputError("cannot read the media index", index, "reinstall popdanceset") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"not a media index: {error!r}", index, "recreate it") from error
    if not media:
        raise InputError("the media index is empty", index, "recreate it")
    for entry in media.values():
        if not entry.path.is_file():
            raise MediaError("a media file is missing", entry.path, "reinstall popdanceset")
    return media


def cast(videos: Sequence[SimulatedVideo], media: Mapping[str, Media], seed: int = 0) -> list[SimulatedVideo]:
    """Returns the videos in their order, each with media, mode, matching duration and size, and outcome.

    Roles are assigned first to videos with more views than followers, because only these can be selected, and
    among them to the most viewed. The first videos get one medium each; the next two are a deleted video and
    a paid preview, so that a small selection covers every case. After this first round the media repeat, and
    the two modes occur again after every seventh repetition. `seed` rotates the media of the later rounds.

    Raises:
        InputError: there are no media.
    """
    if not media:
        raise InputError("there are no media", "simulator", "give at least one media file")
    order = sorted(
        range(len(videos)),
        key=lambda i: (videos[i].counts.view <= videos[i].follower, -videos[i].counts.view),
    )
    roles = _roles(list(media.values()), seed)
    played = {index: _play(videos[index], *role) for index, role in zip(order, roles, strict=False)}
    return [played[index] for index in range(len(videos))]


def with_mode(videos: Sequence[SimulatedVideo], mode: Mode, number: int) -> list[SimulatedVideo]:
    """Returns the videos in their order, where the `number` most viewed ordinary ones get `mode`.

    Raises:
        InputError: there are fewer ordinary videos.
    """
    ordinary = [video for video in videos if video.mode is Mode.OK]
    if number > len(ordinary):
        raise InputError(f"{number} videos cannot be {mode}", "simulator", f"only {len(ordinary)} are left")
    chosen = {v.bvid for v in sorted(ordinary, key=lambda video: -video.counts.view)[:number]}
    return [_in_mode(video, mode) if video.bvid in chosen else video for video in videos]


def parse_mode(text: str) -> tuple[Mode, int]:
    """Parses `NAME[:VIDEOS]`, e.g. `deleted:3`: a mode, and how many videos get it.

    Raises:
        InputError: the name is unknown, or the number is invalid.
    """
    name, colon, number = text.partition(":")
    modes = [mode for mode in Mode if mode is not Mode.OK]
    if name not in modes or (colon and not number.isdecimal()):
        raise InputError(
            f"unknown mode {text!r}", "--mode", f"write NAME[:VIDEOS] with NAME one of {', '.join(modes)}"
        )
    return Mode(name), int(number or 1)


def _roles(media: list[Media], seed: int) -> Iterable[tuple[Media, Mode]]:
    ordinary = [(medium, Mode.OK) for medium in media]
    special = [(media[0], Mode.DELETED), (media[0], Mode.PAID_PREVIEW)]
    turn = seed % len(media)
    turned = ordinary[turn:] + ordinary[:turn]
    return chain(ordinary, special, cycle([*turned * 7, *special]))


def _play(video: SimulatedVideo, medium: Media, mode: Mode) -> SimulatedVideo:
    seconds = max(1, round(medium.seconds))
    size = medium.width, medium.height
    plain = replace(video, media=medium.name, duration=seconds, size=size, expected=medium.outcome)
    return plain if mode is Mode.OK else _in_mode(plain, mode)


def _in_mode(video: SimulatedVideo, mode: Mode) -> SimulatedVideo:
    match mode:
        case Mode.OK:
            return video
        case Mode.PAID_PREVIEW:
            full = max(PAID_SECONDS, PREVIEW_FACTOR * (video.duration + 1))
            return replace(video, mode=mode, duration=full, expected="paid_preview")
        case Mode.PAID | Mode.LOGIN | Mode.GEO:
            return replace(video, mode=mode, expected="restricted")
        case Mode.DELETED | Mode.INVISIBLE | Mode.IN_REVIEW | Mode.OWNER_ONLY:
            return replace(video, mode=mode, expected="gone")
