"""Poses and their plots, against motions whose speeds are known."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from popdanceset import schema
from popdanceset.report import bodies, plots
from popdanceset.report.poses import ClipPoses, read_poses
from popdanceset.report.svg import MANY, as_svg, drawing
from popdanceset.settings import ScreeningSettings


def poses_of(root, joints=None, beats=None):
    root = np.asarray(root, float)
    frames = len(root)
    joints = np.zeros((frames, 24, 3)) if joints is None else joints
    scores = np.full((frames, 24), 0.9)
    scores[:, 5] = 0.4
    return ClipPoses(np.zeros((frames, 17, 2)), joints, root, scores, beats)


def test_speed_of_a_body_that_glides():
    times = np.arange(30) / 30
    feet, joints = poses_of(np.stack([3 * times, 4 * times, 0 * times], axis=1)).speeds()

    np.testing.assert_allclose(feet, 5.0)
    np.testing.assert_allclose(joints, 5.0)


def test_speed_of_feet_alone():
    joints = np.zeros((30, 24, 3))
    joints[:, [7, 8, 10, 11], 2] = (2 * np.arange(30) / 30)[:, None]
    feet, all_joints = poses_of(np.zeros((30, 3)), joints).speeds()

    np.testing.assert_allclose(feet, 2.0)
    np.testing.assert_allclose(all_joints, 2.0 * 4 / 24)


def test_one_frame_has_no_speed():
    feet, joints = poses_of(np.zeros((1, 3))).speeds()
    assert feet.tolist() == joints.tolist() == [0.0]
    as_svg(plots.over_time(poses_of(np.zeros((1, 3)))), "one frame")


def test_the_least_certain_joint():
    assert poses_of(np.zeros((3, 3))).weakest_joint == ("rknee", pytest.approx(0.4))


def test_poses_are_read_from_the_tables(complete, made_by_hand):
    found = read_poses(complete.store, made_by_hand.CLIP_IDS[0])

    assert found.keypoints.shape == (45, 17, 2)
    assert found.joints.shape == (45, 24, 3)
    np.testing.assert_allclose(found.joints[3], made_by_hand.standing_joints(), atol=1e-6)
    np.testing.assert_allclose(found.root[0], [0.3, 0.0, 0.95], atol=1e-6)
    assert found.beats.tolist() == [0, 15, 30]
    assert found.scores.shape == (45, 24)
    assert read_poses(complete.store, "BV_none") is None


def test_only_features_that_mark_beats_are_read(dataset, made_by_hand):
    clip_id = made_by_hand.CLIP_IDS[0]
    dataset.extracted([clip_id])
    jukebox = schema.music_schema("jukebox", 35)
    table = dataset.store.read_table(f"music/baseline/{clip_id}.parquet", jukebox)
    dataset.store.write_table(f"music/jukebox/{clip_id}.parquet", table, jukebox)

    assert read_poses(dataset.store, clip_id).beats is not None
    dataset.store.remove(f"music/baseline/{clip_id}.parquet")
    assert read_poses(dataset.store, clip_id).beats is None


def test_the_path_keeps_its_proportions():
    (axes,) = plots.trajectory(poses_of([[0, 0, 1], [2, 0, 1], [2, 0.5, 1]])).axes

    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 0], [2, 0], [2, 0.5]])
    assert np.ptp(axes.get_xlim()) == pytest.approx(np.ptp(axes.get_ylim())) == pytest.approx(2.4)
    assert axes.get_aspect() == 1


def test_screening_without_anything_measured():
    empty = {
        "duration": 0.0,
        "cuts": [],
        "shake": {"time": [0.0], "value": [None]},
        "dancers": {"time": [], "count": [], "whole": [], "limbs": []},
    }
    assert as_svg(plots.screening(empty, [], ScreeningSettings()), "nothing").startswith("<svg")


def test_screening_shows_the_limit_the_cuts_and_the_spans():
    report = {
        "duration": 10.0,
        "cuts": [4.0],
        "shake": {"time": [1.0, 2.0], "value": [0.001, 0.005]},
        "dancers": {
            "time": [0.0, 5.0],
            "count": [1, 3],
            "whole": [1, 0],
            "limbs": [[0.9] * 9 + [0.1, 0.2, None], None],
        },
    }
    rules = ScreeningSettings(max_shake=0.002)
    shake, people, limbs = plots.screening(report, [{"start": 4.0, "end": 9.0}], rules).axes

    cut, values, limit = shake.lines
    assert cut.get_xdata() == [4.0, 4.0]
    np.testing.assert_allclose(values.get_ydata(), [1.0, 5.0])
    assert limit.get_ydata() == [2.0, 2.0]
    assert [(p.get_x(), p.get_width()) for p in shake.patches] == [(4.0, 5.0)]
    assert people.get_xlim() == (0.0, 10.0)
    np.testing.assert_array_equal(limbs.lines[-1].get_ydata(), [9, np.nan])


def test_the_side_view_is_depth_against_height():
    joints = np.zeros((24, 3))
    joints[15] = [9.0, 0.25, 0.6]  # the head: x does not matter from the side
    joints[12] = [9.0, 0.125, 0.4]

    svg = ET.fromstring(bodies.side_view(joints))

    assert any(path.get("d") == "M0.125 -0.400L0.250 -0.600" for path in svg.iter("path"))
    assert len(list(svg.iter("path"))) == 23
    joints[15] = np.nan
    assert len(list(ET.fromstring(bodies.side_view(joints)).iter("path"))) == 22


def figure_of(points):
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.scatter(np.arange(points), np.arange(points), color="#112233")
    axes.set_title("a <b> title")
    return figure


def test_drawings_take_the_colours_of_the_page_and_no_names_twice():
    first, second = (as_svg(figure_of(3), 'say "x" & <y>', {"#112233": "var(--line)"}) for _ in range(2))

    assert 'aria-label="say &quot;x&quot; &amp; &lt;y&gt;"' in first
    assert "var(--line)" in first
    assert "#112233" not in first
    assert "#000000" not in first
    assert "currentColor" in first
    assert "http" not in first
    names = [set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (first, second)]
    assert names[0]
    assert not names[0] & names[1]
    for svg, own in zip((first, second), names, strict=True):
        used = set(re.findall(r'(?:url\(#|href="#)([^")]*)', svg))
        assert used <= own


def test_many_points_become_a_bitmap():
    few, many = as_svg(figure_of(10), "few"), as_svg(figure_of(MANY + 1), "many")

    assert "data:image/png;base64," not in few
    assert "data:image/png;base64," in many
    assert len(many) < 60_000


def test_backgrounds_are_transparent():
    figure = figure_of(3)
    shown = drawing(figure, "caption")

    assert to_rgba(figure.get_facecolor())[3] == 0
    assert shown.caption == "caption"
    assert not shown.wide
    assert drawing(Figure(figsize=(9, 2)), "wide").wide
