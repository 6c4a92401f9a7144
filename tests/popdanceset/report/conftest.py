"""A small dataset made by hand: every stage accepts and rejects something, and the titles are hostile."""

from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from popdanceset import schema, tables
from popdanceset.manifest import Manifest, ManifestVideo, write_manifest
from popdanceset.popularity.fit import fit
from popdanceset.report.page import write_report
from popdanceset.schema import CLIPS, FRAMES, SELECTION, STATISTICS, VERDICTS, VIDEOS, Reason, State
from popdanceset.settings import Settings
from popdanceset.skeleton import COCO_JOINTS, SMPL_OFFSETS, SMPL_PARENTS
from popdanceset.store import Store

HOSTILE = (
    '<script>alert("x")</script> \'"><img src=http://evil.example/x.png> '
    "广场舞 💃 \u202e$\\frac{1}{0}$ {{ 7*7 }}"
)
FRAME_COUNT = 45
WIDTH, HEIGHT = 120, 200
DAY = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def bvid(number):
    return f"BV1xx411c{number:03d}".replace("0", "z")  # 0 is no character of an id


def write_video(path, frames, width=WIDTH, height=HEIGHT, fps=30):
    """Writes a video of a square that moves to the right over a grey ground."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(frames):
            image = np.full((height, width, 3), 90, np.uint8)
            left = k * (width - 24) // frames
            image[height // 2 :, left : left + 24] = (40, 160, 90)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


def standing_joints():
    """(24, 3) metres relative to the root, world axes (z up, facing -y)."""
    at = np.zeros((24, 3))
    for joint in range(1, 24):
        at[joint] = at[SMPL_PARENTS[joint]] + SMPL_OFFSETS[joint]
    return at @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def pose_rows(clip_id, frames=FRAME_COUNT, width=WIDTH, height=HEIGHT):
    """Rows of a dancer who stands, hops along a circle, and is in the middle of the frame."""
    t = np.arange(frames) / 30
    root = np.stack([0.3 * np.cos(t), 0.3 * np.sin(t), 0.95 + 0.05 * np.abs(np.sin(6 * t))], axis=1)
    joints = standing_joints()
    spread = np.tile(np.linspace(0, 1, len(COCO_JOINTS))[:, None], 2)
    coco = np.array([width * 0.3, height * 0.1]) + spread * [width * 0.4, height * 0.8]
    zeros = {name: [0.0] * FRAMES.field(name).type.list_size for name in ("smpl_poses", "coco_keypoints3d")}
    return [
        {
            **zeros,
            "clip_id": clip_id,
            "frame_index": k,
            "timestamp": t[k],
            "smpl_trans": root[k],
            "smpl_scaling": [1.0],
            "joints3d": joints.ravel(),
            "coco_keypoints2d": coco.ravel(),
            "pred_scores": np.r_[np.full(23, 0.9), 0.2, np.full(5, 0.1)],
            "pred_camera": [1.0, 0.0, 0.0],
            "cam_root": [0.0, 0.0, 3.0],
            "bbox": [0.0, 0.0, width, height],
            "observed": [True] * 24,
            "estimator": "drawn 1",
        }
        for k in range(frames)
    ]


SELECTED = {
    bvid(1): Reason.NONE,
    bvid(2): Reason.NONE,
    bvid(3): Reason.NONE,
    bvid(4): Reason.NONE,
    bvid(5): Reason.VIEWS_NOT_ABOVE_FOLLOWERS,
    bvid(6): Reason.FOLLOWERS_UNKNOWN,
    bvid(7): Reason.NOT_PUBLIC,
    bvid(8): Reason.COUNTS_MISSING,
} | {bvid(n): Reason.LOW_POPULARITY for n in range(9, 61)}
CLIPPED, CUT_TOO_OFTEN, REMOVED, UNSTEADY = bvid(1), bvid(2), bvid(3), bvid(4)
CLIP_IDS = (f"{CLIPPED}_Clip_1", f"{CLIPPED}_Clip_2", f"{UNSTEADY}_Clip_1")


def statistics_rows():
    rng = np.random.default_rng(0)
    rows = []
    for number, (video, reason) in enumerate(SELECTED.items()):
        views = int(10 ** rng.uniform(3, 6))
        counts = {name: int(views * rng.uniform(0.001, 0.1)) for name in schema.COUNTS} | {"view": views}
        if reason == Reason.COUNTS_MISSING:
            counts["coin"] = None
        row = {
            "bvid": video,
            "snapshot_at": DAY,
            "state": State.PUBLIC,
            "note": "",
            "source": "test",
            "mid": number,
        }
        if reason == Reason.NOT_PUBLIC:
            rows.append(row | {"state": State.GONE, "note": "code -404"})
        else:
            rows.append(row | counts | {"title": f"{HOSTILE} {number}", "duration": 60.0, "follower": 10})
    return rows


def selection_rows():
    return [
        {
            "bvid": video,
            "pop": None if reason in (Reason.NOT_PUBLIC, Reason.COUNTS_MISSING) else 0.9 - 0.01 * number,
            "beyond_reference": False,
            "view": 1000 * (number + 1),
            "follower": None if reason == Reason.FOLLOWERS_UNKNOWN else 10 * number,
            "title": f"{HOSTILE} {number}",
            "duration": 60.0,
            "snapshot_at": DAY,
            "accepted": not reason,
            "reason": reason,
        }
        for number, (video, reason) in enumerate(SELECTED.items())
    ]


def clip_row(video, start, end, clip_id=None, reason=Reason.NONE, **changes):
    return {
        "clip_id": clip_id,
        "bvid": video,
        "page": 1,
        "start": start,
        "end": end,
        "frames": FRAME_COUNT if clip_id else 0,
        "path": f"media/{video}/{clip_id}.mp4" if clip_id else "",
        "music_path": f"media/{video}/{clip_id}.wav" if clip_id else "",
        "music_id": "m1" if clip_id else "",
        "genre": "street",
        "dancer_id": "7",
        "cuts_per_minute": 0.0,
        "shake": 0.0004,
        "dancers": 1.0,
        "visibility": 1.0,
        "limbs": 0.8,
        "occlusion": 0.1,
        "size": 0.6,
        "pan": 0.02,
        "zoom": 0.01,
        "stillness": 0.0,
        "bars": 0.0,
        "seam": 0.0,
        "twin": 0.0,
        "accepted": clip_id is not None,
        "reason": reason,
        **changes,
    }


class Dataset:
    """Writes the tables of a small dataset stage by stage, as the pipeline would."""

    manifest = "winter"

    def __init__(self, settings):
        self.settings = settings
        self.store = Store(settings.store)

    def crawled(self):
        table = tables.from_rows(statistics_rows(), STATISTICS)
        self.store.write_table("statistics/date=2026-01-02/test-1.parquet", table, STATISTICS)
        return self

    def selected(self):
        model = fit(self.settings, self.store).model
        self.store.write_table(
            f"selection/{self.manifest}.parquet", tables.from_rows(selection_rows(), SELECTION), SELECTION
        )
        videos = tuple(ManifestVideo(video, 0.9) for video, reason in SELECTED.items() if not reason)
        provenance = {
            "model": model.as_document(),
            "thresholds": {"min_pop": 0.87, "min_views_per_follower": 1.0},
            "snapshot": {"first": DAY.isoformat(), "last": DAY.isoformat()},
        }
        write_manifest(
            Path(self.settings.manifests, self.manifest), Manifest(self.manifest, videos, provenance)
        )
        return self

    def acquired(self, tmp_path):
        for video in (CLIPPED, CUT_TOO_OFTEN, UNSTEADY):
            write_video(tmp_path / "v.mp4", 60, fps=10)
            self.store.put(tmp_path / "v.mp4", f"media/{video}/p1.mp4")
            report = {
                "duration": 6.0,
                "fps": 10.0,
                "cuts": [1.0, 2.0] if video == CUT_TOO_OFTEN else [],
                "shake": {"time": [0.0, 3.0, 5.9], "value": [0.0003, None, 0.004]},
                "dancers": {
                    "time": [0.0, 3.0, 5.5],
                    "count": [1, 2, 0],
                    "whole": [1, 1, 0],
                    "limbs": [[0.9] * 12, [0.2] * 11 + [None], None],
                },
                "made_from": "",
            }
            self.store.write_json(f"media/{video}/p1.screening.json", report)
        for video in (CLIPPED, CUT_TOO_OFTEN, UNSTEADY, REMOVED):
            there = video != REMOVED
            row = {
                "bvid": video,
                "page": 1,
                "path": f"media/{video}/p1.mp4" if there else "",
                "sha256": "",
                "duration": 6.0 if there else None,
                "accepted": there,
                "reason": Reason.NONE if there else Reason.GONE,
                "note": "" if there else "<b>HTTP 404</b>",
            }
            self.store.write_table(f"videos/{video}.parquet", tables.from_rows([row], VIDEOS), VIDEOS)
        plans = {
            CLIPPED: [
                clip_row(CLIPPED, 0.0, 1.5, CLIP_IDS[0]),
                clip_row(CLIPPED, 1.5, 3.0, CLIP_IDS[1]),
                clip_row(CLIPPED, 3.0, 6.0, reason=Reason.CAMERA_SHAKE, shake=0.004),
            ],
            CUT_TOO_OFTEN: [
                clip_row(CUT_TOO_OFTEN, 0.0, 6.0, reason=Reason.CAMERA_CUTS, cuts_per_minute=20.0)
            ],
            UNSTEADY: [clip_row(UNSTEADY, 0.0, 1.5, CLIP_IDS[2])],
        }
        for video, rows in plans.items():
            self.store.write_table(f"clips/{video}.parquet", tables.from_rows(rows, CLIPS), CLIPS)
            for row in rows:
                if row["accepted"]:
                    write_video(tmp_path / "c.mp4", FRAME_COUNT)
                    self.store.put(tmp_path / "c.mp4", row["path"])
        return self

    def extracted(self, clip_ids=CLIP_IDS):
        music = schema.music_schema("baseline", 35)
        for clip_id in clip_ids:
            rows = tables.from_rows(pose_rows(clip_id), FRAMES)
            self.store.write_table(f"poses/{clip_id}.parquet", rows, FRAMES)
            good = clip_id != CLIP_IDS[2]
            verdict = {
                "clip_id": clip_id,
                "bvid": clip_id.partition("_")[0],
                "frames": FRAME_COUNT,
                "detected": FRAME_COUNT - 1,
                "mean_score": 0.87,
                "jitter_before": 9.0,
                "jitter_after": 3.0,
                "estimator": "drawn 1",
                "accepted": good,
                "reason": Reason.NONE if good else Reason.UNSTEADY_POSE,
                "note": "" if good else "acceleration <too> high",
                "score": 0.75,
            }
            self.store.write_table(
                f"verdicts/{clip_id}.parquet", tables.from_rows([verdict], VERDICTS), VERDICTS
            )
            features = np.zeros((FRAME_COUNT, 35))
            features[::15, -1] = 1
            beats = [
                {"clip_id": clip_id, "frame_index": k, "features": row} for k, row in enumerate(features)
            ]
            self.store.write_table(f"music/baseline/{clip_id}.parquet", tables.from_rows(beats, music), music)
        return self

    def published(self):
        frames = 2 * FRAME_COUNT
        lengths = {"short": 2, "medium": 0, "long": 0}
        counts = {"clips": 2, "frames": frames, "seconds": frames / 30, "videos": 1, "music": 1, "genres": 1}
        info = {
            "version": "2026.01.02",
            "created": "2026-01-02",
            "license": "other",
            "schema_version": schema.VERSION,
            "generator": "made by hand",
            "content": "sha256:0",
            "fps": 30,
            "axes": "",
            "source": {"manifest": self.manifest},
            "counts": counts | {"dancers": 1} | lengths,
            "splits": {},
            "genres": {"street": 2},
            "estimators": ["drawn 1"],
            "data": [],
            "features": {},
            "music": {},
        }
        self.store.write_json("releases/2026.01.02/meta/info.json", info)
        return self


def settings_below(folder):
    return Settings.load(overrides={"store": str(folder / "store"), "manifests": str(folder / "manifests")})


@pytest.fixture
def dataset(tmp_path):
    """A dataset that no stage has processed yet."""
    return Dataset(settings_below(tmp_path))


@pytest.fixture(scope="session")
def complete(tmp_path_factory):
    """A dataset that has passed every stage; tests do not change it."""
    folder = tmp_path_factory.mktemp("complete")
    return Dataset(settings_below(folder)).crawled().selected().acquired(folder).extracted().published()


@pytest.fixture(scope="session")
def rendered(complete, tmp_path_factory):
    """The report of the complete dataset."""
    path = tmp_path_factory.mktemp("report") / "deep" / "report.html"
    accuracy = [{"clip_id": CLIP_IDS[0], "pa_mpjpe_mm": 61.234, "frames": 45}]
    return write_report(
        complete.store, complete.settings, complete.manifest, None, path, {"accuracy": accuracy}
    )


class Reader(HTMLParser):
    """What a browser would see: elements with their attributes, and the text."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts = [], []
        self._hidden = 0
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self._hidden += tag == "style"

    def handle_endtag(self, tag):
        self._hidden -= tag == "style"

    def handle_data(self, data):
        if not self._hidden:
            self.texts.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def page(rendered):
    """The report of the complete dataset, parsed."""
    return Reader(rendered)


@pytest.fixture(scope="session")
def made_by_hand():
    """Names used by the dataset: `HOSTILE`, `CLIP_IDS`, `SELECTED`, videos, and helpers."""
    return SimpleNamespace(**{name: value for name, value in globals().items() if name[:1].isalpha()})
