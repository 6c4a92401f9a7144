"""The requests of the unmodified yt-dlp extractor other than media: the video page and the player's
endpoints.

The answers have the shapes that `yt_dlp.extractor.bilibili` (2026.10) reads. The signature that the extractor
adds to its `wbi` requests is required, but not verified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from popdanceset.errors import MediaError
from popdanceset.simulator.api import REFUSING_MODES, Query, find
from popdanceset.simulator.catalogue import Catalogue
from popdanceset.simulator.media_host import (
    AUDIO_ID,
    HOST,
    MIRROR,
    VIDEO_ID,
    WHOLE_ID,
    MediaHost,
    Tracks,
    address,
)
from popdanceset.simulator.records import Json, Mode, SimulatedVideo, part_objects, video_object
from popdanceset.simulator.response import Response, envelope, html

_PAGE = re.compile(r"/video/(BV[0-9A-Za-z]{10})/?")
_KEYS = ("7cd084941338484aae1ad9425b84077c", "4932caff0ff746eab6f01bf08b70ac45")  # any 32 characters work

PlayerRoute = Callable[[Catalogue, MediaHost, Query], Response]


def page(catalogue: Catalogue, path: str) -> Response:
    """`www.bilibili.com/video/BV…`: a page with its data in `__INITIAL_STATE__`; also episodes and festivals,
    without any."""
    if path.startswith(("/bangumi/", "/festival/")):
        return html("<p>番剧</p>")
    match = _PAGE.fullmatch(path)
    if not match:
        return html("<p>出错啦!</p>", 404)
    video = catalogue.by_bvid.get(match[1])
    if video is None or video.mode in REFUSING_MODES:
        code = -403 if video is not None and video.mode is Mode.LOGIN else -404
        return _state({"error": {"code": 404, "trueCode": code, "message": ""}, "videoData": {}})
    return _state(
        {
            "aid": video.aid,
            "bvid": video.bvid,
            "error": {},
            "videoData": video_object(video),
            "upData": {"mid": str(video.mid), "name": video.author, "fans": video.follower},
            "tags": [{"tag_id": number, "tag_name": tag} for number, tag in enumerate(video.tags, 1)],
            "elecFullInfo": {
                "show_info": {"high_level": {"title": "该视频为「充电专属」", "sub_title": "充电后观看"}}
            },
        }
    )


def _state(state: Json) -> Response:
    text = json.dumps(state, ensure_ascii=False).replace("</", "<\\/")
    return html(f"<script>window.__INITIAL_STATE__={text};(function(){{}})()</script>")


def nav(catalogue: Catalogue, host: MediaHost, query: Query) -> Response:
    """`/x/web-interface/nav`: nobody is logged in; the names of two images are the keys of the day."""
    img, sub = (f"https://i0.hdslb.com/bfs/wbi/{key}.png" for key in _KEYS)
    return envelope({"isLogin": False, "wbi_img": {"img_url": img, "sub_url": sub}}, -101)


def pagelist(catalogue: Catalogue, host: MediaHost, query: Query) -> Response:
    """`/x/player/pagelist?bvid=`: the parts."""
    video = find(catalogue, query)
    if video is None or video.mode in REFUSING_MODES:
        return envelope(code=-404)
    return envelope(part_objects(video))


def subtitles(catalogue: Catalogue, host: MediaHost, query: Query) -> Response:
    """`/x/player/wbi/v2`: subtitles and chapters, which are empty."""
    return envelope({"need_login_subtitle": True, "subtitle": {"subtitles": []}, "view_points": []})


def playurl(catalogue: Catalogue, host: MediaHost, query: Query) -> Response:
    """`/x/player/wbi/playurl?bvid=&cid=`: the addresses of the media of one part."""
    if not {"w_rid", "wts"} <= query.keys():
        return envelope({"v_voucher": "voucher_unsigned"}, -352)
    video = find(catalogue, query)
    cids = [str(part["cid"]) for part in part_objects(video)] if video is not None else []
    if video is None or query.get("cid") not in cids:
        return envelope(code=-404)
    if video.mode in REFUSING_MODES:
        return envelope(code=REFUSING_MODES[video.mode])
    if video.mode is Mode.GEO:
        return envelope(code=-10403)
    try:
        tracks = host.tracks(video)
    except MediaError:
        return envelope(_legacy(video, query["cid"]))
    if video.mode is Mode.PAID or tracks is None:
        return envelope({**_formats(video), "accept_quality": [], "support_formats": []})
    return envelope({**_formats(video), "dash": _dash(video, query["cid"], tracks)})


def _formats(video: SimulatedVideo) -> Json:
    preview = ["试看"] if video.mode is Mode.PAID_PREVIEW else []
    return {
        "from": "local",
        "result": "suee",
        "quality": VIDEO_ID,
        "format": "mp4",
        "timelength": video.duration * 1000,
        "accept_quality": [VIDEO_ID],
        "accept_description": ["高清 720P", *preview],
        "video_codecid": 7,
        "support_formats": [
            {"quality": VIDEO_ID, "format": "mp4", "new_description": "720P 高清", "display_desc": "720P"}
        ],
    }


def _legacy(video: SimulatedVideo, cid: str) -> Json:
    """The form of old videos: one file with picture and sound. Here of media that cannot be divided."""
    url, mirror = (address(video.bvid, cid, WHOLE_ID, host) for host in (HOST, MIRROR))
    length = video.duration * 1000
    return {
        **_formats(video),
        "quality": WHOLE_ID,
        "format": "flv480",
        "accept_quality": [WHOLE_ID],
        "support_formats": [{"quality": WHOLE_ID, "format": "flv480", "new_description": "480P"}],
        "durl": [{"order": 1, "length": length, "url": url, "backup_url": [mirror]}],
    }


def _dash(video: SimulatedVideo, cid: str, tracks: Tracks) -> Json:
    def track(number: int, mime: str, codecs: str, size: int) -> Json:
        url, mirror = (address(video.bvid, cid, number, host) for host in (HOST, MIRROR))
        return {
            "id": number,
            "baseUrl": url,
            "base_url": url,
            "backupUrl": [mirror],
            "backup_url": [mirror],
            "bandwidth": round(8 * size / tracks.media.seconds),
            "mimeType": mime,
            "codecs": codecs,
        }

    video_track = {
        **track(VIDEO_ID, "video/mp4", tracks.video_codec, tracks.video.stat().st_size),
        "width": tracks.media.width,
        "height": tracks.media.height,
        "frameRate": f"{tracks.media.fps:g}",
    }
    audio = [track(AUDIO_ID, "audio/mp4", "mp4a.40.2", tracks.audio.stat().st_size)] if tracks.audio else None
    return {
        "duration": video.duration,
        "minBufferTime": 1.5,
        "video": [video_track],
        "audio": audio,
        "dolby": {"type": 0, "audio": None},
        "flac": None,
    }


ROUTES: dict[str, PlayerRoute] = {
    "/x/web-interface/nav": nav,
    "/x/player/pagelist": pagelist,
    "/x/player/wbi/v2": subtitles,
    "/x/player/wbi/playurl": playurl,
}
