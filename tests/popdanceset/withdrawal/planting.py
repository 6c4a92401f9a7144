"""A store in which every stage has left something about a video that is to be withdrawn."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq

from popdanceset import layout
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.music.merges import PairState, pair_name
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.decisions import Decision, Kind
from popdanceset.review.in_force import write_decisions
from popdanceset.schema import FAILURES, FINGERPRINTS, FOLLOWERS, MERGES, SELECTION, STATISTICS, VIDEOS
from popdanceset.settings import Settings
from popdanceset.store import Store

GONE, KEPT, OTHER = "BV1Withdrawn", "BV1StaysHere", "BV1OtherOnes"
NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
DAY = datetime.date(2026, 1, 2)


def statistics_row(bvid: str, mid: int, **more: Any) -> dict[str, Any]:
    row = {"bvid": bvid, "snapshot_at": NOW, "state": "public", "note": "", "source": "ranking:1004"}
    counts = dict.fromkeys(("view", "danmaku", "reply", "favorite", "coin", "share", "like"), 5)
    return row | counts | {"mid": mid, "title": f"title of {mid}", "owner": f"name {mid}"} | more


def pair(first: str, second: str, state: PairState, bvid: str = "") -> dict[str, Any]:
    row = {"first": first, "second": second, "bvid": bvid, "page": 1, "method": "pitch", "similarity": 0.5}
    return row | {"state": state}


def fill(store: Store, settings: Settings, synthetic: ModuleType) -> None:
    """Fills a store, folder or not, and a manifest."""
    row = synthetic.clip_row
    clips = [
        row(f"{GONE}_Clip_1", 160, "sound:gone", dancer_id="11"),
        row(f"{GONE}_p2_Clip_1", 150, "sound:both", page=2, dancer_id="11"),
        row(f"{KEPT}_Clip_1", 170, "sound:kept", dancer_id="22"),
        row(f"{OTHER}_Clip_1", 155, "sound:both", dancer_id="33"),
        row(f"{OTHER}_Clip_2", 152, "sound:both", dancer_id="33"),
    ]
    for clip in clips:
        for key, suffix in (("path", "mp4"), ("music_path", "wav")):
            clip[key] = f"media/{clip['bvid']}/{clip['clip_id']}.0ms.{clip['frames']}f.{suffix}"
            store.write_bytes(clip[key], b"a film of " + clip["bvid"].encode())
    synthetic.fill_store(store, "weekly", clips)
    store.write_rows(f"clips/{GONE}_p2.parquet", [], synthetic.CLIPS)
    for number, bvid in enumerate((GONE, KEPT, OTHER), 1):
        video = {"bvid": bvid, "page": 1, "path": f"media/{bvid}/p1.mp4", "sha256": "00", "accepted": True}
        video |= {"reason": "", "note": ""}
        store.write_rows(f"videos/{bvid}.parquet", [video], VIDEOS)
        store.write_bytes(f"media/{bvid}/p1.mp4", b"film " * 1000)
        store.write_json(f"media/{bvid}/p1.screening.json", {"cuts": []})
        prints = {"bvid": bvid, "page": 1, "music_id": ["sound:gone", "sound:kept", "sound:both"][number - 1]}
        prints |= {"sound": "0", "seconds": 1.0, "method": "pitch", "channels": 1, "fingerprint": b"\1"}
        store.write_rows(f"fingerprints/{bvid}.parquet", [prints], FINGERPRINTS)
        failure = {"stage": "extract", "item": f"{bvid}_Clip_9", "bvid": bvid, "reason": "failed", "note": ""}
        failure |= {"version": "1", "failed_at": NOW}
        store.write_rows(f"failures/extract/{bvid}_Clip_9.parquet", [failure], FAILURES)
    store.write_bytes(f"media/{GONE}/quarantine/p2.mp4", b"damaged")
    store.write_bytes(f"media/{GONE}/.part/p2/video.mp4.part", b"half a film")
    store.write_json(f"claims/{GONE}_Clip_1.json", {"owner": "dead"})
    store.write_bytes(f".claims/{GONE}_Clip_2", b"{}")
    rows = [
        statistics_row(GONE, 11, staff="11+44+22", aid=12345),
        statistics_row(KEPT, 22, title=f"an answer to {GONE}"),
        statistics_row(OTHER, 33),
    ]
    day = "date=2026-01-02"
    store.write_rows(f"statistics/{day}/ranking-1004-00001.parquet", rows, STATISTICS)
    store.write_rows(f"statistics/{day}/view-00001.parquet", rows[:1], STATISTICS)
    listed = statistics_row(KEPT, 22, source=f"collection:{GONE}")
    store.write_rows(f"statistics/{day}/collection-{GONE}-00001.parquet", [listed], STATISTICS)
    store.write_json(f"crawl/{day}/collection-{GONE}.json", {"source": f"collection-{GONE}", "last_page": 1})
    store.write_json(f"crawl/{day}/ranking-1004.json", {"source": "ranking-1004", "last_page": 1})
    followers = [{"mid": mid, "snapshot_at": NOW, "follower": mid, "note": ""} for mid in (11, 22, 33, 44)]
    store.write_rows(f"followers/{day}/00001.parquet", followers, FOLLOWERS)
    selected = [
        {"bvid": v, "pop": 0.9, "beyond_reference": False, "accepted": True, "reason": "", "mid": mid}
        for v, mid in ((GONE, 11), (KEPT, 22), (OTHER, 33))
    ]
    store.write_rows("selection/weekly.parquet", selected, SELECTION)
    sample = {"size": 3, "bvids": [OTHER, KEPT, GONE], "sha256": "0"}
    store.write_json("popularity/aaaaaaaaaaaa.json", {"fit_id": "aaaaaaaaaaaa", "sample": sample})
    store.write_json("popularity/bbbbbbbbbbbb.json", {"fit_id": "bbbbbbbbbbbb", "sample": {"size": 9}})
    for row in (
        pair("sound:gone", "sound:kept", PairState.MERGED, GONE),
        pair("sound:both", "sound:gone", PairState.REFUSED, KEPT),
        pair("sound:both", "sound:x", PairState.PROPOSED, GONE),
    ):
        store.write_rows(pair_name(row["first"], row["second"]), [row], MERGES)
    manifest = Path(settings.manifests, "weekly")
    videos = (
        ManifestVideo(GONE, 0.9, mid=11, title='of "GONE",\nand more'),
        ManifestVideo(KEPT, 0.9, mid=22, title='two\nlines, and "quotes"'),
        ManifestVideo(OTHER, 0.9, mid=33, title="其他"),
    )
    write_manifest(manifest, Manifest("weekly", videos, {"judged": 3}))
    (manifest / "clips.csv").write_text(
        "clip_id,bvid,page,number,start,end,state\n"
        f"{GONE}_Clip_1,{GONE},1,1,0.0000,5.0000,current\n{KEPT}_Clip_1,{KEPT},1,1,0.0000,5.0000,current\n"
    )
    (manifest / "dancers.csv").write_text(f"id,dancer_id\n{GONE}_Clip_1,Ann\n{KEPT},Bob\n")
    decide(store, manifest)
    # Tables of stages that do not exist yet.
    store.write_json("decisions/day.json", {f"{GONE}_Clip_1": {"verdict": "accept"}, KEPT: {"verdict": "no"}})
    store.write_bytes("decisions/notes.csv", f"id,note\n{GONE},bad\n{KEPT},better than {GONE}\n".encode())


def decide(store: Store, manifest: Path) -> None:
    """Leaves decisions of reviewers in the manifest, and in the database of a store that is a folder."""
    note = f"not like {GONE}; " + "a long remark; " * 1000 + f"as in {GONE}_Clip_1"
    decisions = [
        Decision(f"{GONE}_Clip_1", Kind.ACCEPT, reviewer="anna", decided_at="2026-01-01T12:00:00.000Z"),
        Decision(f"{GONE}_p2_Clip_1", Kind.ACCEPT, reviewer="anna"),
        Decision(f"{KEPT}_Clip_1", Kind.GENRE, "jazz", note, "anna"),
        Decision(f"{OTHER}_Clip_1", Kind.MUSIC, f"{GONE}_Clip_1", reviewer="anna"),
        Decision(f"{OTHER}_Clip_2", Kind.ACCEPT, reviewer="anna"),
    ]
    write_decisions(manifest, [*decisions[:2], *decisions[4:]])
    if store.is_local:
        database = ReviewDatabase(store.workplace(layout.REVIEW_DATABASE))
        database.add(decisions)
        for bvid in (GONE, KEPT):
            database.looked(f"{bvid}_Clip_1", "anna", 5.0)
        database.undo("anna")  # what was taken back is still there
        database.add(decisions[1:])
        database.close()


def everything(*folders: Path | str) -> Iterator[tuple[str, bytes]]:
    """Every file and folder by its name, with its bytes and, if it is a table, everything in it as text."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            data = path.read_bytes() if path.is_file() else b""
            if path.suffix == ".parquet":
                data += repr(pq.read_table(path).to_pydict()).encode()
            yield str(path), data


def places_of(bvid: str, *folders: Path | str) -> list[str]:
    """Names of files that contain an id in their name, bytes or rows."""
    return [name for name, data in everything(*folders) if bvid in Path(name).name or bvid.encode() in data]
