"""Clips among the others of a release, and the seconds in which motion is worst."""

import re

import numpy as np
import pytest

from popdanceset.report.data import collect
from popdanceset.report.motion import MEASURES, faults, standings, worst_seconds
from popdanceset.report.poses import ClipPoses


def clip(number, accepted=True, **verdict):
    values = {measure.column: None for measure in MEASURES} | {"frames": 90, "accepted": accepted} | verdict
    return {"clip_id": f"BV1_Clip_{number}", "verdict": values, "review": "", "frames": 90}


def dance(frames=90, **changes):
    """A body that stands still, feet on the floor, and is surely seen."""
    joints = np.zeros((frames, 24, 3))
    joints[:, [10, 11], 2] = -0.9
    root = np.tile([0.0, 0, 0.9], (frames, 1))
    values = {"joints": joints, "root": root, "scores": np.ones((frames, 24)), "beats": None}
    return ClipPoses(keypoints=np.zeros((frames, 17, 2)), **values | changes)


def test_a_clip_is_compared_with_the_accepted_others():
    clips = [clip(n, score=0.1 * n, jitter_after=float(n)) for n in range(1, 6)]
    clips.append(clip(6, accepted=False, score=0.0, jitter_after=99.0))
    found = {each.measure.title: each for each in standings(clips[3], clips)}
    assert set(found) == {"score", "acceleration"}  # the other figures are not known
    assert (found["score"].value, found["score"].better_than) == ("0.40", 0.75)
    assert (found["acceleration"].value, found["acceleration"].better_than) == ("4.0", 0.25)


def test_the_bar_shows_percentiles_of_the_others_and_the_clip():
    clips = [clip(n, score=value) for n, value in enumerate([0.0, *np.linspace(0, 1, 11)])]
    (bar,) = [each.bar for each in standings(clips[0], clips)]
    assert 'cx="4.0"' in bar  # the least
    assert re.findall(r'M([\d.]+) 6H([\d.]+)"[^/]*stroke-width="5"', bar) == [("13.2", "86.8")]
    assert re.findall(r"M([\d.]+) 2V10", bar) == ["50.0"]


def test_a_single_clip_and_a_clip_without_poses():
    alone = clip(1, score=0.5)
    (found,) = standings(alone, [alone])
    assert found.better_than is None
    assert standings(clip(2) | {"verdict": None}, [alone]) == []


def test_each_second_is_judged_by_what_stands_out():
    steps = np.arange(120)[:, None] / 30
    sliding = dance(120)
    sliding.root[60:90, 0] = 3 * (steps[60:90, 0] - 2)
    sliding.root[90:, 0] = 3
    scores = np.ones((120, 24))
    scores[:30] = 0.2
    seconds = faults(dance(120, root=sliding.root, scores=scores))
    assert [reason.split()[0] for _, reason in seconds][::2] == ["mean", "a"]
    assert "a foot on the floor moves by 3.0 m/s" in seconds[2][1]
    assert seconds[2][0] > seconds[0][0] > seconds[1][0]


def test_sunk_feet_and_trembling_joints():
    sunk = dance()
    sunk.root[:, 2] -= 0.1
    assert faults(sunk)[1] == (pytest.approx(2.0), "feet 100 mm below the floor")
    joints = dance().joints
    joints[:, :, 0] += 0.05 * (-1.0) ** np.arange(90)[:, None]
    badness, reason = faults(dance(joints=joints))[1]
    assert reason == "joints accelerate by 180 m/s²"  # 4 · 0.05 m · (30/s)²
    assert badness == pytest.approx(6.0)


@pytest.mark.parametrize("frames", [1, 2, 31])
def test_short_clips(frames):
    assert len(faults(dance(frames))) == -(-frames // 30)


def test_the_page_shows_the_worst_seconds_and_each_clips_standing(page, complete):
    clips = collect(complete.store, complete.manifest).clips
    worst = list(worst_seconds(complete.store, clips))
    assert {second.clip_id for second in worst} == {row["clip_id"] for row in clips[:2]}  # the accepted ones
    assert {"id": "worst"} in page.all("h2")
    for second in worst:
        assert f"{second.clip_id} : {second.reason}" in page.text
        assert second.still.uri in {image["src"] for image in page.all("img")}
    assert page.text.count("better than 0 % of the others") == 3 * 3  # all are equal in three figures
