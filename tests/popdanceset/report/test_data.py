"""The report's data, compared with the dataset made by hand."""

from popdanceset.report.data import collect
from popdanceset.schema import Reason


def test_every_reason_has_a_meaning():
    assert all(reason.meaning for reason in set(Reason) - {Reason.NONE})


def test_rejections_by_stage_and_reason(complete, made_by_hand):
    data = collect(complete.store, complete.manifest)

    found = {(group.stage, group.reason): [m.bvid for m in group.members] for group in data.groups}
    selected = made_by_hand.SELECTED
    assert found == {
        ("selection", reason): [video for video, r in selected.items() if r == reason]
        for reason in set(selected.values()) - {Reason.NONE}
    } | {
        ("download", "gone"): [made_by_hand.REMOVED],
        ("screening", "camera_cuts"): [made_by_hand.CUT_TOO_OFTEN],
        ("spans", "camera_shake"): [made_by_hand.CLIPPED],
        ("poses", "unsteady_pose"): [made_by_hand.UNSTEADY],
    }
    assert [group.stage for group in data.groups][-4:] == ["download", "screening", "spans", "poses"]
    assert data.groups[0].reason == "low_popularity"  # the most frequent first
    assert data.groups[0].seconds == 52 * 60.0


def test_every_stage_accounts_for_all_videos(complete):
    seen, accepted, downloaded, cut, *_ = collect(complete.store, complete.manifest).stages

    assert seen.count == accepted.count + accepted.waiting + sum(n for _, n in accepted.losses)
    assert accepted.count == downloaded.count + downloaded.waiting + sum(n for _, n in downloaded.losses)
    assert cut.trimmed == (("camera_shake", 1),)


def test_stages_that_have_not_run_count_as_waiting(dataset, tmp_path, made_by_hand):
    dataset.crawled().selected()
    stages = collect(dataset.store, dataset.manifest).stages
    assert [(s.name, s.count, s.waiting) for s in stages[1:3]] == [("accepted", 4, 0), ("downloaded", 0, 4)]

    dataset.acquired(tmp_path).extracted(made_by_hand.CLIP_IDS[:1])
    stages = {s.name: s for s in collect(dataset.store, dataset.manifest).stages if s.unit == "clips"}
    assert (stages["extracted"].count, stages["extracted"].waiting) == (1, 2)


def test_videos_that_the_selection_has_not_seen_wait(dataset, made_by_hand):
    dataset.crawled().selected()
    table = dataset.store.read_table("selection/winter.parquet", made_by_hand.SELECTION)
    dataset.store.write_table("selection/winter.parquet", table.slice(0, 50), made_by_hand.SELECTION)

    seen, accepted, *_ = collect(dataset.store, "winter").stages

    assert (seen.count, accepted.waiting) == (60, 10)


def test_only_releases_of_the_manifest_count(complete):
    assert collect(complete.store, "winter").release.version == "2026.01.02"
    other = complete.store.read_bytes("selection/winter.parquet")
    complete.store.write_bytes("selection/other.parquet", other)
    try:
        assert collect(complete.store, "other").release is None
    finally:
        complete.store.remove("selection/other.parquet")
