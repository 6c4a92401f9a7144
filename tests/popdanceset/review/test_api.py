"""What the server answers about a store with four clips."""

import numpy as np
import pytest

from popdanceset.review.rooms import COLUMNS
from popdanceset.schema import FRAMES, VERDICTS, shape_of
from popdanceset.tables import fold

FIRST, SECOND, WAITING, OTHER = "BV1_Clip_1", "BV1_Clip_2", "BV1_Clip_3", "BV1xx411c7mD_Clip_1"
EMOJI = "🕺" * 2560  # 10 kB


def rows_of(client):
    found = client.get("/api/clips").json()
    return {row[0]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}


def decide(client, kind, value="", clip=FIRST, **more):
    body = {"reviewer": "anna", "clip_ids": [clip], "kind": kind, "value": value, **more}
    return client.post("/api/decisions", json=body)


def test_the_list_joins_the_tables_and_begins_with_the_worst(client):
    rows = rows_of(client)

    assert [*rows] == [OTHER, FIRST, SECOND, WAITING]
    assert tuple(rows[FIRST]) == COLUMNS
    first = rows[FIRST]
    assert (first["start"], first["end"], first["seconds"], first["frames"]) == (2.0, 7.0, 5.0, 150)
    assert (first["verdict"], first["score"], first["jitter"], first["pop"]) == ("accept", 0.9, 1.0, 0.9)
    assert (first["waiting"], first["has_video"], first["tier"]) == (False, True, "B")
    assert (rows[WAITING]["waiting"], rows[WAITING]["verdict"], rows[WAITING]["has_video"]) == (
        True,
        "",
        False,
    )
    assert rows[OTHER]["reasons"] == ["jitter"]
    assert rows[OTHER]["title"] == ""


def test_titles_are_data_and_the_newest_counts(client):
    row = rows_of(client)[FIRST]
    assert row["title"] == "</script><script>alert('title')</script> \"&amp; 桃花笑 🕺"
    assert row["uploader"] == "<img src=x onerror=alert(1)>"
    assert client.get("/api/clips").headers["content-type"] == "application/json"


def test_the_room_says_what_can_be_decided(client):
    room = client.get("/api/room").json()
    assert (room["mode"], room["clips"], room["fps"], room["estimators"]) == (
        "review",
        4,
        30,
        ["synthetic 1"],
    )
    assert {"kind": "split", "meaning": "divide the clip [seconds]", "many": True} in room["kinds"]
    assert {"jazz", "unknown"} <= set(room["genres"])
    assert "not_a_dance" in [each["reason"] for each in room["judgement_reasons"]]


def test_a_clip_has_poses_curves_and_media(client, reviewed):
    clip = client.get(f"/api/clips/{FIRST}").json()
    table = reviewed.read_table(f"poses/{FIRST}.parquet", FRAMES)
    arrays = {name: fold(table[name], shape_of(FRAMES.field(name))) for name in table.column_names[3:-2]}
    world = arrays["joints3d"] + arrays["smpl_trans"][:, None]

    served = np.frombuffer(client.get(clip["motion"]["joints_url"]).content, "<f4").reshape(-1, 24, 3)
    np.testing.assert_array_equal(served, world)
    keypoints = np.frombuffer(client.get(clip["motion"]["keypoints_url"]).content, "<f4")
    np.testing.assert_array_equal(keypoints.reshape(-1, 17, 2), arrays["coco_keypoints2d"])
    scores = np.frombuffer(client.get(clip["motion"]["scores_url"]).content, "<f4").reshape(-1, 29)
    np.testing.assert_array_equal(scores, arrays["pred_scores"])
    assert clip["motion"]["frames"] == 150
    assert {name: len(curve) for name, curve in clip["timeline"].items()} == dict.fromkeys(
        ("jerk", "contact_left", "contact_right", "confidence", "height"), 150
    )
    np.testing.assert_allclose(clip["timeline"]["height"], arrays["smpl_trans"][:, 2], atol=1e-4)
    np.testing.assert_allclose(clip["timeline"]["confidence"], scores[:, :24].mean(1), atol=1e-4)
    assert clip["video"] == {
        "url": f"/media/{FIRST}/video", "width": 720, "height": 720, "fps": 30.0, "frames": 150,
        "start_offset": 0.0,
    }  # fmt: skip
    assert clip["audio"] == f"/media/{FIRST}/audio"
    assert clip["same_music"] == [SECOND]
    assert clip["distribution"]["score"] == pytest.approx(np.percentile([0.3, 0.9, 0.9], (5, 50, 95)))
    music = reviewed.read_bytes(f"music/baseline/{FIRST}.parquet")
    assert len(music)
    assert all(0 <= beat < 5 for beat in clip["beats"])


def test_a_clip_that_waits_for_its_poses_is_shown_without_them(client):
    clip = client.get(f"/api/clips/{WAITING}").json()
    assert (clip["motion"], clip["timeline"], clip["video"], clip["audio"]) == (None, None, None, None)
    assert client.get(f"/api/clips/{WAITING}/joints.f32").status_code == 404


def test_a_clip_with_damaged_files_is_shown_as_far_as_possible(client, reviewed):
    reviewed.write_bytes(f"poses/{FIRST}.parquet", b"no parquet")
    reviewed.write_bytes("media/BV1/clip.mp4", b"no film")
    clip = client.get(f"/api/clips/{FIRST}").json()
    assert (clip["motion"], clip["video"]) == (None, None)
    assert clip["note"]


def test_one_damaged_row_costs_only_its_clip(client, reviewed):
    reviewed.write_bytes(f"verdicts/{FIRST}.parquet", b"no parquet")
    rows = rows_of(client)
    assert rows[FIRST]["waiting"]
    assert rows[SECOND]["score"] == 0.9


def test_decisions_show_at_once(client):
    answer = decide(client, "reject", "not_a_dance", note="<b>arms</b>\n" + EMOJI).json()
    state = {"judgement": "reject", "reason": "not_a_dance", "by": ["anna"], "changes": 0}
    assert answer == {"ids": [1], "latest": 1, "states": {FIRST: state}}
    decide(client, "genre", "jazz")

    assert rows_of(client)[FIRST]["state"] == {**state, "changes": 1}
    made = client.get(f"/api/clips/{FIRST}?reviewer=anna").json()["decisions"]
    assert [each["kind"] for each in made] == ["reject", "genre"]
    assert made[0]["note"] == "<b>arms</b>\n" + EMOJI
    assert made[0]["reason_meaning"] == "what the clip shows is no dance"
    assert made[0]["mine"]
    assert not client.get(f"/api/clips/{FIRST}?reviewer=ben").json()["decisions"][0]["mine"]


def test_two_who_differ_disagree_until_a_third_decides(client):
    decide(client, "accept")
    decide(client, "reject", "unsteady_pose", reviewer="ben")
    assert rows_of(client)[FIRST]["state"] == {
        "judgement": "disagree", "reason": "", "by": ["anna", "ben"], "changes": 0,
    }  # fmt: skip
    decide(client, "accept", reviewer="clara")
    assert rows_of(client)[FIRST]["state"]["judgement"] == "accept"


def test_undo_takes_back_the_whole_batch(client):
    both = {"clip_ids": [FIRST, SECOND]}
    decide(client, "accept")
    decide(client, "reject", "too_short", **both)
    assert {row["state"]["judgement"] for row in rows_of(client).values()} == {"reject", ""}

    answer = client.post("/api/undo", json={"reviewer": "anna"}).json()
    assert {clip: state["judgement"] for clip, state in answer["states"].items()} == {
        FIRST: "accept",
        SECOND: "",
    }
    assert client.post("/api/undo", json={"reviewer": "ben"}).json()["ids"] == []


def test_one_decision_is_revoked_by_its_own_reviewer(client):
    decide(client, "split", "4.5")
    decide(client, "split", "5.5")
    assert client.post("/api/revoke", json={"reviewer": "ben", "id": 1}).status_code == 400
    assert (
        client.post("/api/revoke", json={"reviewer": "anna", "id": 1}).json()["states"][FIRST]["changes"] == 1
    )


def test_others_decisions_are_seen_by_polling(client):
    seen = client.get("/api/clips").json()["latest"]
    assert client.get(f"/api/changes?since={seen}").json()["clips"] == {}
    decide(client, "accept", clip=OTHER, reviewer="ben")
    found = client.get(f"/api/changes?since={seen}").json()
    assert found["clips"][OTHER]["by"] == ["ben"]
    client.post("/api/undo", json={"reviewer": "ben"})
    assert client.get(f"/api/changes?since={found['latest']}").json()["clips"][OTHER]["by"] == []


def test_a_decision_on_what_has_changed_meanwhile_is_refused_if_asked(client):
    seen = client.get("/api/clips").json()["latest"]
    decide(client, "reject", "too_short", reviewer="ben")
    refused = decide(client, "accept", expected=seen)
    assert refused.status_code == 409
    assert "ben decided" in refused.json()["error"]
    assert decide(client, "accept", expected=seen + 1).status_code == 200


@pytest.mark.parametrize(
    ("kind", "value", "more", "status", "message"),
    [
        ("accept", "", {"clip": "BV9_Clip_1"}, 404, "there is no clip"),
        ("accept", "", {"clip": WAITING}, 400, "no poses to accept"),
        ("accept", "", {"clip_ids": []}, 400, "no clip is chosen"),
        ("accept", "", {"reviewer": " "}, 400, "1 to 80 characters"),
        ("accept", "", {"reviewer": "a\x00"}, 400, "control characters"),
        ("accept", "", {"note": "x" * 20_001}, 400, "at most 20,000"),
        ("accept", "", {"note": 5}, 400, "note: "),
        ("accept", "", {"colour": "red"}, 400, "colour: "),
        ("applaud", "", {}, 400, "is not a decision"),
        ("reject", "ugly", {}, 400, "is not a reason"),
        ("genre", "polka", {}, 400, "is not a genre"),
        ("music", "BV9_Clip_1", {}, 400, "there is no clip"),
        ("music", FIRST, {}, 400, "is the clip itself"),
        ("split", "2.0", {}, 400, "between 2.000 and 7.000 s"),
        ("split", "7.5", {}, 400, "between 2.000 and 7.000 s"),
        ("trim", "1-5", {}, 400, "between 2.000 and 7.000 s"),
        ("swap", "3-7.5", {}, 400, "between 2.000 and 7.000 s"),
        ("swap", "5-3", {}, 400, "is empty"),
    ],
)
def test_wrong_decisions_are_refused_with_one_line(client, kind, value, more, status, message):
    answer = decide(client, kind, value, **more)
    assert answer.status_code == status
    assert message in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert client.get("/api/clips").json()["latest"] == 0


@pytest.mark.parametrize(
    ("kind", "value"),
    [("split", "4.5"), ("trim", "2-7"), ("swap", "2.5-3"), ("music", SECOND), ("dancer", "李 <i>"),
     ("redo", ""), ("genre", "unknown")],
)  # fmt: skip
def test_right_decisions_are_kept(client, kind, value):
    assert decide(client, kind, value).status_code == 200
    assert rows_of(client)[FIRST]["state"]["changes"] == 1


def test_a_trim_may_go_back_to_what_was_planned(client, reviewed, synthetic):
    from popdanceset.schema import CLIPS

    row = synthetic.clip_row(OTHER, 60, start=3.0, end=5.0, planned_start=1.0, planned_end=9.0)
    reviewed.write_rows("clips/BV1xx411c7mD.parquet", [row], CLIPS)
    assert client.get(f"/api/clips/{OTHER}").json()["planned"] == {"start": 1.0, "end": 9.0}
    assert decide(client, "trim", "1-9", clip=OTHER).status_code == 200
    assert decide(client, "trim", "0.5-9", clip=OTHER).status_code == 400
    assert decide(client, "swap", "1-2", clip=OTHER).status_code == 400


def test_the_list_follows_the_store(client, reviewed, synthetic):
    before = client.get("/api/clips").json()["list"]
    assert client.get("/api/changes").json()["list"] == before

    row = synthetic.verdict_row(WAITING, 60) | {"score": 0.5, "verdict": "review"}
    reviewed.write_rows(f"verdicts/{WAITING}.parquet", [row], VERDICTS)
    assert client.get("/api/changes").json()["list"] != before
    assert [*rows_of(client)] == [OTHER, WAITING, FIRST, SECOND]


def test_withdrawn_videos_are_not_shown_any_more(client, reviewed):
    from popdanceset.withdrawal.tombstones import Tombstone, WithdrawalReason, write_tombstone

    decide(client, "accept")
    write_tombstone(Tombstone("BV1", "2026-11-29", WithdrawalReason.OTHER), reviewed)
    assert [*rows_of(client)] == [OTHER]
    for address in (f"/api/clips/{FIRST}", f"/media/{FIRST}/video", f"/api/clips/{FIRST}/joints.f32"):
        assert client.get(address).status_code == 404
    assert client.get("/api/changes").json()["clips"] == {}


def test_a_manifest_shows_its_own_videos(make_client, reviewed, settings, tmp_path):
    from popdanceset.errors import ManifestError
    from popdanceset.manifest import Manifest, ManifestVideo, write_manifest

    folder = tmp_path / "manifests" / "mine"
    write_manifest(folder, Manifest("mine", (ManifestVideo("BV1xx411c7mD", 0.7, title="of the manifest"),)))
    rows = rows_of(make_client(manifest=folder))
    assert [*rows] == [OTHER]
    assert (rows[OTHER]["title"], rows[OTHER]["pop"]) == ("of the manifest", 0.7)

    assert len(rows_of(make_client(manifest=tmp_path / "weekly"))) == 4  # the store has its selection
    with pytest.raises(ManifestError, match="no such manifest"):
        make_client(manifest=tmp_path / "monthly")


def test_statistics_count_what_was_decided(client):
    decide(client, "accept")
    decide(client, "reject", "too_short", clip=OTHER, reviewer="ben")
    client.post("/api/looked", json={"reviewer": "anna", "clip_id": FIRST, "seconds": 12.5})
    found = client.get("/api/statistics").json()
    assert (found["progress"]["clips"], found["progress"]["judged"]) == (4, 2)
    assert found["by_estimator"][0]["name"] == "synthetic 1"
    assert found["median_seconds"] == 12.5


@pytest.mark.parametrize("seconds", [-1, 1e9, "NaN", None])
def test_times_that_are_none_are_refused(client, seconds):
    answer = client.post("/api/looked", json={"reviewer": "anna", "clip_id": FIRST, "seconds": seconds})
    assert answer.status_code == 400


def test_unknown_addresses_and_broken_json_get_one_line(client):
    assert client.get("/api/nothing").status_code == 404
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404
    broken = client.post("/api/undo", content=b'{"reviewer": ', headers={"Content-Type": "application/json"})
    assert (broken.status_code, [*broken.json()]) == (400, ["error"])
    surrogate = client.post(
        "/api/undo", content=rb'{"reviewer": "\ud800"}', headers={"Content-Type": "application/json"}
    )
    assert surrogate.status_code == 400


def test_an_unexpected_error_says_nothing_about_the_machine(make_client, monkeypatch):
    from starlette.testclient import TestClient

    from popdanceset.review import api

    def broken(*_):
        raise RuntimeError("a secret path")

    monkeypatch.setattr(api, "room_document", broken)
    client = make_client()
    quiet = TestClient(client.app, base_url=client.base_url, raise_server_exceptions=False)
    answer = quiet.get("/api/room")
    assert answer.status_code == 500
    assert "secret" not in answer.text
