"""Scores and verdicts of qualities that are made up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from hybrik_runner.poses.framing import Orientation
from hybrik_runner.poses.table import Quality
from hybrik_runner.poses.verdict import Decision, Doubt, judge, parts, rejected, report, row, score
from popdanceset.motion.body.self_penetration import SelfPenetration
from popdanceset.motion.camera import Camera
from popdanceset.motion.floor import Footing
from popdanceset.schema import CAMERA_COLUMNS, VERDICTS, Reason
from popdanceset.settings import PoseSettings
from popdanceset.tables import from_rows

SETTINGS = PoseSettings()
GOOD = Quality(
    source_frames=300,
    found=300,
    clip_frames=300,
    frames=300,
    detected=300,
    mean_score=0.9,
    jitter_before=30.0,
    jitter_after=12.0,
    after=Footing(contact=0.9, skate=0.4, skating=0.2, penetration=0.01, floating=0.01),
    table=pa.table({}),
)


def test_good_poses_are_accepted_without_a_word() -> None:
    verdict = judge(GOOD, SETTINGS)
    assert (verdict.decision, verdict.reasons, verdict.reason, verdict.note) == (
        Decision.ACCEPT, (), Reason.NONE, "",
    )  # fmt: skip
    assert verdict.accepted


def test_the_score_is_the_geometric_mean_of_its_parts() -> None:
    assert parts(GOOD, SETTINGS) == pytest.approx(
        {"tracked": 1, "sure": 0.9, "calm": 1, "planted": 0.8, "grounded": 0.8}
    )
    assert score(GOOD, SETTINGS) == pytest.approx((0.9 * 0.8 * 0.8) ** (1 / 5))
    assert parts(replace(GOOD, jitter_after=32.5), SETTINGS)["calm"] == pytest.approx(0.5)
    aloft = replace(GOOD, after=Footing())
    assert score(aloft, SETTINGS) == pytest.approx(0.9 ** (1 / 3))
    assert score(Quality(), SETTINGS) == 0


@pytest.mark.parametrize(
    ("change", "doubts", "message"),
    [
        ({"clip_frames": 450}, [Doubt.CUT_SHORT], "kept 0 to 10.00 s of 15.00 s"),
        ({"detected": 280}, [Doubt.FILLED_IN], "20 frames filled in"),
        (
            {"orientation": Orientation(90, 0.97, 0.01)},
            [Doubt.TURNED],
            "points to the right in 97% of the frames: turn the clip by 270° clockwise (--turn 270)",
        ),
        ({"unseen": ("left leg", "right leg")}, [Doubt.UNSEEN], "unseen in most frames: left leg, right leg"),
        ({"meetings": (2.125,)}, [Doubt.IDENTITY], "taken for the dancer from 2.1 s on"),
        ({"mean_score": 0.4}, [Doubt.UNSURE], "confidence is 0.40"),
        ({"jitter_after": 40.0}, [Doubt.RESTLESS], "acceleration is 40 m/s²"),
        ({"after": Footing(1, 1.6, 0.9, 0, 0)}, [Doubt.FOOT_SKATE], "move by 1.6 m/s"),
        ({"after": Footing(1, 0.3, 0, 0.06, 0.01)}, [Doubt.OFF_FLOOR], "60 mm below, 10 mm above"),
        (
            {"after": Footing(1, 1.9, 0.9, 0.06, 0)},
            [Doubt.FOOT_SKATE, Doubt.OFF_FLOOR, Doubt.LOW_SCORE],
            "is below 0.6",
        ),
    ],
)  # fmt: skip
def test_doubts_are_for_a_reviewer(change: dict[str, object], doubts: list[Doubt], message: str) -> None:
    verdict = judge(replace(GOOD, **change), SETTINGS)
    assert verdict.decision is Decision.REVIEW
    assert verdict.accepted
    assert verdict.reason is Reason.NONE
    assert list(verdict.reasons) == doubts
    assert message in verdict.note


def test_few_frames_filled_in_are_only_noted() -> None:
    verdict = judge(replace(GOOD, detected=295), SETTINGS)
    assert (verdict.decision, verdict.note) == (Decision.ACCEPT, "5 frames filled in")


def test_exchanged_frames_are_only_noted() -> None:
    verdict = judge(replace(GOOD, exchanged=(0.4, 0.433, 0.467)), SETTINGS)
    assert verdict.decision is Decision.ACCEPT
    assert verdict.note == "left and right exchanged and put back in 3 frames (0.4–0.5 s)"
    both = judge(replace(GOOD, exchanged=(0.4, 0.433, 0.467), depth_reversed=(0.4,)), SETTINGS)
    assert both.note == f"{verdict.note}; depths reversed with them in 1 frame (0.4–0.4 s)"


def test_a_note_names_the_first_spans_of_exchanged_frames_and_counts_the_others() -> None:
    verdict = judge(replace(GOOD, exchanged=(0.1, 1.0, 1.05, 2.0, 3.0, 4.0)), SETTINGS)
    assert verdict.note.endswith("in 6 frames (0.1–0.1 s, 1.0–1.1 s, 2.0–2.0 s and 2 more times)")


@pytest.mark.parametrize(
    ("change", "reasons", "message"),
    [
        ({"frames": 2, "detected": 2, "clip_frames": 2}, ["too_short"], "2 frames hold no motion"),
        ({"detected": 200}, ["not_tracked", "filled_in"], "found in 67% of the frames"),
        ({"longest_gap": 0.8}, ["not_tracked"], "lost for 0.80 s"),
        ({"jitter_after": 50.0}, ["unsteady_pose", "low_score"], "acceleration is 50 m/s²"),
        (
            {"jitter_after": 50.0, "detected": 9},
            ["not_tracked", "unsteady_pose", "filled_in", "low_score"],
            "3% of the frames",
        ),
        ({"people": 4.0}, ["several_dancers"], "4 dancers seen at once"),
        ({"people": 2.0, "detected": 200}, ["several_dancers", "not_tracked", "filled_in"], "2 dancers"),
        ({"table": None, "found": 0}, ["not_tracked"], "nobody was found in 300 frames"),
    ],
)  # fmt: skip
def test_what_forbids_a_release_comes_first(
    change: dict[str, object], reasons: list[str], message: str
) -> None:
    verdict = judge(replace(GOOD, **change), SETTINGS)
    assert verdict.decision is Decision.REJECT
    assert not verdict.accepted
    assert list(verdict.reasons) == reasons
    assert verdict.reason.value == reasons[0]
    assert message in verdict.note


def test_the_row_holds_all_of_it() -> None:
    quality = replace(
        GOOD, clip_frames=450, tilt=3.0, contacts=200, before=Footing(0.9, 1.0, 0.5, 0, 0, 0.04)
    )
    quality = replace(quality, root_moved=0.07, feet_moved=0.02, feet_left=0.01)
    quality = replace(quality, in_itself=SelfPenetration(0.03, 0.25))
    quality = replace(quality, camera=Camera((640, 480), 750.0, "lines", np.eye(3)))
    found = row("BV1_Clip_1", "BV1", quality, judge(quality, SETTINGS), "fake 1")
    assert from_rows([found], VERDICTS).to_pylist() == [found]
    assert (found["accepted"], found["verdict"], found["reasons"]) == (True, "review", ["cut_short"])
    assert (found["frames"], found["clip_frames"], found["tilt"]) == (300, 450, 3.0)
    assert (found["skate_before"], found["skate_after"], found["skating_before"]) == (1.0, 0.4, 0.5)
    assert (found["deviation_before"], found["root_moved"]) == (0.04, 0.07)
    assert (found["feet_moved"], found["feet_left"]) == (0.02, 0.01)
    assert (found["self_penetration"], found["self_penetrating"]) == (0.03, 0.25)
    assert (found["width"], found["height"], found["focal_length"]) == (640, 480, 750.0)
    assert found["camera_to_world"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert all(value is not None for value in found.values())


def test_clips_without_poses_have_a_row_too() -> None:
    found = row("c", "BV1", Quality(), rejected(Reason.DAMAGED, "no film"), "fake 1")
    assert from_rows([found], VERDICTS).to_pylist() == [found | dict.fromkeys(CAMERA_COLUMNS)]
    assert (found["accepted"], found["verdict"], found["reasons"], found["score"]) == (
        False, "reject", ["damaged"], 0.0,
    )  # fmt: skip


def test_a_report_says_the_same() -> None:
    quality = replace(GOOD, clip_frames=450)
    message = report(quality, judge(quality, SETTINGS))
    assert (message["verdict"], message["reasons"], message["frames"]) == ("review", "cut_short", 300)
