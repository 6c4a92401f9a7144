"""Rooms of releases and of remote stores, and other motions to compare with."""

from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from popdanceset.errors import InputError
from popdanceset.release.reader import Release
from popdanceset.review.api import create_app
from popdanceset.review.comparison import read_sources
from popdanceset.review.database import ReviewDatabase
from popdanceset.review.release_room import ReleaseRoom
from popdanceset.review.rooms import worst_first
from popdanceset.review.store_room import StoreRoom
from popdanceset.schema import CLIPS, FRAMES
from popdanceset.store import Store
from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, write_tombstone

HOME = "http://127.0.0.1:8765"


def client_of(room):
    return TestClient(create_app(room), base_url=HOME)


def joints(client, clip_id, source=""):
    answer = client.get(f"/api/clips/{clip_id}/joints.f32", params={"source": source} if source else {})
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<f4").reshape(-1, 24, 3)


def world_of(release, clip_id):
    frames = release.frames(clip_id, ["joints3d", "smpl_trans"])
    return frames["joints3d"] + frames["smpl_trans"][:, None]


def test_a_release_is_shown_and_cannot_be_changed(release_dir):
    release = Release(release_dir)
    client = client_of(ReleaseRoom(release))
    room = client.get("/api/room").json()
    listed = client.get("/api/clips").json()

    assert (room["mode"], room["title"], room["reviewer_required"]) == ("show", release.version, False)
    assert sorted(row[0] for row in listed["rows"]) == sorted(release.clip_ids())
    clip = client.get("/api/clips/BV1_Clip_2").json()
    assert (clip["video"], clip["audio"], clip["row"]["frames"]) == (None, None, 400)
    assert len(clip["timeline"]["jerk"]) == 400
    np.testing.assert_array_equal(joints(client, "BV1_Clip_2"), world_of(release, "BV1_Clip_2"))
    marked = release.music("BV1_Clip_2")[:, 34] > 0.5
    assert clip["beats"] == [round(frame / 30, 4) for frame in np.flatnonzero(marked)]
    for address in ("decisions", "undo", "revoke", "looked"):
        assert client.post(f"/api/{address}", json={}).status_code in (404, 405)
    assert client.get("/api/clips/BV9_Clip_1").status_code == 404
    assert client.get("/media/BV1_Clip_1/video").status_code == 404


def test_a_release_with_its_store_has_films_of_the_same_span(release_dir, store):
    row = dict(store.read_table("clips/BV1.parquet", CLIPS).to_pylist()[0])
    store.write_bytes(row["path"], b"film")
    client = client_of(ReleaseRoom(Release(release_dir), store))
    assert client.get("/media/BV1_Clip_1/video").content == b"film"

    write_tombstone(Tombstone("BV1", "2026-11-29", WithdrawalReason.OTHER), store)
    assert client.get("/media/BV1_Clip_1/video").status_code == 404
    assert not [row for row in client.get("/api/clips").json()["rows"] if row[1] == "BV1"]


def test_the_same_clip_from_elsewhere(reviewed, database, release_dir, tmp_path, synthetic, dance):
    other = Store(tmp_path / "other")
    synthetic.add_poses(other, "BV1_Clip_1", 150, seed=99)
    folder = tmp_path / "motions"
    folder.mkdir()
    recorded = dance(60, fps=60)
    np.savez(
        folder / "BV1_Clip_1.npz",
        smpl_poses=recorded.poses.reshape(60, 72), smpl_trans=recorded.translation, fps=60.0, up="z",
    )  # fmt: skip
    sources = read_sources([f"b={other.address}", f"release={release_dir}", f"files={folder}"])
    client = client_of(StoreRoom(reviewed, database, sources=sources))

    labels = {each["name"]: each["label"] for each in client.get("/api/room").json()["sources"]}
    assert labels["files"] == "1 motion in motions"
    assert client.get("/api/clips/BV1_Clip_1").json()["sources"] == ["b", "release", "files"]
    table = other.read_table("poses/BV1_Clip_1.parquet", FRAMES)
    first = np.array(table["joints3d"][0].as_py()).reshape(24, 3) + table["smpl_trans"][0].as_py()
    np.testing.assert_allclose(joints(client, "BV1_Clip_1", "b")[0], first, atol=1e-6)
    np.testing.assert_array_equal(
        joints(client, "BV1_Clip_1", "release"), world_of(Release(release_dir), "BV1_Clip_1")
    )
    found = joints(client, "BV1_Clip_1", "files")
    np.testing.assert_allclose(found, recorded.joints[::2], atol=1e-4)  # at 30 frames a second
    for clip, source in (("BV1_Clip_2", "b"), ("BV1_Clip_1", "../other"), ("BV1_Clip_1", "none")):
        answer = client.get(f"/api/clips/{clip}/joints.f32", params={"source": source})
        assert answer.status_code == 404


def test_a_damaged_file_to_compare_with_costs_only_itself(reviewed, database, tmp_path):
    folder = tmp_path / "motions"
    folder.mkdir()
    Path(folder, "BV1_Clip_1.npz").write_bytes(b"no motion")
    client = client_of(StoreRoom(reviewed, database, sources=read_sources([f"files={folder}"])))
    answer = client.get("/api/clips/BV1_Clip_1/joints.f32", params={"source": "files"})
    assert (answer.status_code, [*answer.json()]) == (400, ["error"])
    assert client.get("/api/clips/BV1_Clip_1").status_code == 200


def test_names_of_sources_are_given_once(release_dir):
    with pytest.raises(InputError, match="given twice"):
        read_sources([f"a={release_dir}", f"a={release_dir}"])


def test_a_store_elsewhere_is_reviewed_with_a_database_here(reviewed, tmp_path, synthetic):
    remote = Store("memory://review-room")
    synthetic.fill_store(remote, "weekly", [synthetic.clip_row("BV1_Clip_1", 90, path="media/BV1/c.mp4")])
    remote.write_bytes("media/BV1/c.mp4", b"0123456789")
    database = ReviewDatabase(tmp_path / "here.sqlite")
    client = client_of(StoreRoom(remote, database))
    part = client.get("/media/BV1_Clip_1/video", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    body = {"reviewer": "anna", "clip_ids": ["BV1_Clip_1"], "kind": "accept"}
    assert client.post("/api/decisions", json=body).status_code == 200
    assert len(joints(client, "BV1_Clip_1")) == 90
    database.close()


def test_the_worst_come_first():
    def row(number, verdict, score):
        return {"clip_id": f"BV1_Clip_{number}", "verdict": verdict, "score": score}

    rows = [row(1, "accept", 0.9), row(2, "", None), row(3, "reject", 0.1), row(10, "review", 0.5),
            row(9, "review", 0.5), row(5, "review", 0.2), row(6, "review", None)]  # fmt: skip
    assert [each["clip_id"][9:] for each in worst_first(rows)] == ["5", "9", "10", "6", "3", "1", "2"]
