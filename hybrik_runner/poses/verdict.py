"""How good the poses of a clip are, whether they are fit for a release, and the row that records it.

The score is the geometric mean of parts between 0 (useless) and 1 (flawless), so that the others cannot
compensate for one bad part:

    tracked   share of the frames in which the dancer was seen
    sure      mean joint confidence
    calm      1 up to a mean joint acceleration of `CALM`, falling to 0 at `pose.max_jitter`
    planted   falling from 1 for feet on the floor that keep still to 0 for a mean speed of `SLIPPING`
    grounded  falling from 1 for feet that rest on the floor to 0 for `OFF_FLOOR` below or above it

If no foot ever touches the floor, planted and grounded are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from popdanceset.schema import FPS, Reason
from popdanceset.wording import counted

if TYPE_CHECKING:
    from hybrik_runner.poses.table import Quality
    from popdanceset.settings import PoseSettings

CALM = 20.0
"""m/s². As the mean over the joints, about the root, two captured dances have 10 and 16 (DeepMimic's
`humanoid3d_dance_a` and `_b`, Peng et al., SIGGRAPH 2018), its run has 22, its spinning kick 27, its backflip
33. Dancers hardly exceed that, hence `pose.max_jitter`."""
SLIPPING = 2.0
"""m/s. Feet within 5 cm of the floor include feet that step: the mean is 0.4 and 0.8 in the true motion of
two rendered dances, and 0.4 in the estimated motion of a tai chi form."""
OFF_FLOOR = 0.1
"""Metres."""

_LEAST_FRAMES = 3  # fewer show no motion
_CROWD = 2.0  # dancers, median over the counts: from here on it is unclear whose poses these are
_FILLED = 0.05
_UNSURE = 0.5
_SKATE = 1.5  # m/s
_WAYS = {90: "to the right", 180: "down", 270: "to the left"}
_SUNK = 0.05  # metres, of penetration and floating alike
_TOGETHER = 0.1  # seconds between frames that a note names as one span
_SPANS = 3  # that a note names


class Decision(StrEnum):
    """What happens to a clip's poses."""

    ACCEPT = "accept"
    REVIEW = "review"
    REJECT = "reject"


class Doubt(StrEnum):
    """Why a reviewer should look at poses that nothing forbids.

    Attributes:
        CUT_SHORT: the dancer was lost, and the poses end there.
        FILLED_IN: many frames without the dancer were filled in.
        TURNED: the clip is sideways or upside down; `popdanceset extract --turn` turns it.
        UNSEEN: a limb, or the head, is hidden or outside the picture in most frames.
        IDENTITY: somebody else may be taken for the dancer: somebody who looks alike crossed the dancer, or
            the dancer's clothes changed.
        UNSURE: the mean joint confidence is small.
        RESTLESS: the joints accelerate more than most dancers' do.
        FOOT_SKATE: feet on the floor slide.
        OFF_FLOOR: feet sink into the floor or float above it.
        LOW_SCORE: the score is below `pose.review_score`.
    """

    CUT_SHORT = "cut_short"
    FILLED_IN = "filled_in"
    TURNED = "turned"
    UNSEEN = "unseen"
    IDENTITY = "identity"
    UNSURE = "unsure"
    RESTLESS = "restless"
    FOOT_SKATE = "foot_skate"
    OFF_FLOOR = "off_floor"
    LOW_SCORE = "low_score"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to a clip's poses, and why.

    Attributes:
        decision: poses to be reviewed count as accepted in all later stages; `decision` distinguishes them.
        reasons: values of `Reason` for what forbids a release, then of `Doubt`.
        reason: the first that forbids a release; `Reason.NONE` if nothing does.
        note: the reasons with their figures, for a reviewer.
        score: 0..1.
    """

    decision: Decision
    reasons: tuple[str, ...]
    reason: Reason
    note: str
    score: float

    @property
    def accepted(self) -> bool:
        """Whether the poses may be published."""
        return self.decision is not Decision.REJECT


def rejected(reason: Reason, note: str) -> Verdict:
    """Returns the verdict on a clip that cannot be used, whatever its poses are like."""
    return Verdict(Decision.REJECT, (reason.value,), reason, note, 0.0)


def judge(quality: Quality, settings: PoseSettings) -> Verdict:
    """Decides whether poses are fit for a release."""
    forbidden = _forbidding(quality, settings)
    if quality.table is None:
        ((reason, note),) = forbidden
        return rejected(reason, note)
    value = score(quality, settings)
    doubts = _doubts(quality, settings, value)
    filled = quality.frames - quality.detected
    notes = [note for _, note in (*forbidden, *doubts) if note]
    if filled:
        notes.append(f"{counted(filled, 'frame')} filled in")
    if quality.exchanged:
        notes.append(f"left and right exchanged and put back in {_when(quality.exchanged)}")
    if quality.depth_reversed:
        notes.append(f"depths reversed with them in {_when(quality.depth_reversed)}")
    return Verdict(
        Decision.REJECT if forbidden else Decision.REVIEW if doubts else Decision.ACCEPT,
        (*(reason.value for reason, _ in forbidden), *(doubt.value for doubt, _ in doubts)),
        forbidden[0][0] if forbidden else Reason.NONE,
        "; ".join(notes),
        value,
    )


def _when(times: tuple[float, ...]) -> str:
    """How many frames, and between which seconds the first of them follow each other."""
    ends = [0, *(np.flatnonzero(np.diff(times) > _TOGETHER) + 1).tolist(), len(times)]
    spans = [f"{times[first]:.1f}–{times[end - 1]:.1f} s" for first, end in pairwise(ends)]
    more = f" and {len(spans) - _SPANS} more times" if len(spans) > _SPANS else ""
    return f"{counted(len(times), 'frame')} ({', '.join(spans[:_SPANS])}{more})"


def parts(quality: Quality, settings: PoseSettings) -> dict[str, float]:
    """Returns the parts of the score by their names, 0..1 each."""
    calm = (settings.max_jitter - quality.jitter_after) / max(settings.max_jitter - CALM, 1e-9)
    feet = quality.after
    result = {
        "tracked": quality.detected / max(quality.frames, 1),
        "sure": quality.mean_score,
        "calm": calm if quality.jitter_after > CALM else 1.0,
    }
    if feet.contact > 0:
        result["planted"] = 1 - feet.skate / SLIPPING
        result["grounded"] = 1 - (feet.penetration + feet.floating) / OFF_FLOOR
    return {name: float(np.clip(value, 0, 1)) for name, value in result.items()}


def score(quality: Quality, settings: PoseSettings) -> float:
    """Returns the geometric mean of the parts, 0..1; 0 without poses."""
    if quality.table is None:
        return 0.0
    values = list(parts(quality, settings).values())
    return float(np.prod(values) ** (1 / len(values)))


def _forbidding(quality: Quality, settings: PoseSettings) -> list[tuple[Reason, str]]:
    if quality.table is None:
        return [(Reason.NOT_TRACKED, f"nobody was found in {quality.source_frames} frames")]
    found: list[tuple[Reason, str]] = []
    if quality.people >= _CROWD:
        found.append((Reason("several_dancers"), f"{quality.people:g} dancers seen at once"))
    if quality.frames < _LEAST_FRAMES:
        found.append((Reason.TOO_SHORT, f"{quality.frames} frames hold no motion"))
    share = quality.detected / quality.frames
    if share < settings.min_detected:
        note = f"dancer found in {share:.0%} of the frames, {settings.min_detected:.0%} needed"
        found.append((Reason.NOT_TRACKED, note))
    elif quality.longest_gap > settings.longest_gap:
        note = f"dancer lost for {quality.longest_gap:.2f} s, {settings.longest_gap:g} s may be filled in"
        found.append((Reason.NOT_TRACKED, note))
    if quality.jitter_after > settings.max_jitter:
        note = f"mean joint acceleration is {quality.jitter_after:.0f} m/s², {settings.max_jitter:g} allowed"
        found.append((Reason.UNSTEADY_POSE, note))
    return found


def _doubts(quality: Quality, settings: PoseSettings, value: float) -> list[tuple[Doubt, str]]:
    found: list[tuple[Doubt, str]] = []
    feet = quality.after
    filled = quality.frames - quality.detected
    if quality.frames < quality.clip_frames:
        end, whole = quality.frames / FPS, quality.clip_frames / FPS
        found.append((Doubt.CUT_SHORT, f"kept 0 to {end:.2f} s of {whole:.2f} s: the dancer was lost there"))
    if filled > _FILLED * quality.frames:
        found.append((Doubt.FILLED_IN, ""))
    if turn := quality.orientation.turn:
        share = f"in {quality.orientation.share:.0%} of the frames"
        way = f"the head points {_WAYS[quality.orientation.head]} {share}"
        found.append((Doubt.TURNED, f"{way}: turn the clip by {turn}° clockwise (--turn {turn})"))
    if quality.unseen:
        found.append((Doubt.UNSEEN, f"unseen in most frames: {', '.join(quality.unseen)}"))
    if quality.meetings:
        when = ", ".join(f"{time:.1f}" for time in quality.meetings)
        note = f"somebody else may be taken for the dancer from {when} s on: check whose poses these are"
        found.append((Doubt.IDENTITY, note))
    if quality.mean_score < _UNSURE:
        found.append((Doubt.UNSURE, f"mean joint confidence is {quality.mean_score:.2f}"))
    if (CALM + settings.max_jitter) / 2 < quality.jitter_after <= settings.max_jitter:
        found.append((Doubt.RESTLESS, f"mean joint acceleration is {quality.jitter_after:.0f} m/s²"))
    if feet.skate > _SKATE:
        found.append((Doubt.FOOT_SKATE, f"feet on the floor move by {feet.skate:.1f} m/s"))
    if max(feet.penetration, feet.floating) > _SUNK:
        note = f"feet {1000 * feet.penetration:.0f} mm below, {1000 * feet.floating:.0f} mm above the floor"
        found.append((Doubt.OFF_FLOOR, note))
    if value < settings.review_score:
        found.append((Doubt.LOW_SCORE, f"score {value:.2f} is below {settings.review_score:g}"))
    return found


def row(clip_id: str, bvid: str, quality: Quality, verdict: Verdict, estimator: str) -> dict[str, Any]:
    """Returns the clip's row of VERDICTS."""
    return {
        "clip_id": clip_id,
        "bvid": bvid,
        "frames": quality.frames,
        "detected": quality.detected,
        "mean_score": quality.mean_score,
        "jitter_before": quality.jitter_before,
        "jitter_after": quality.jitter_after,
        "estimator": estimator,
        "accepted": verdict.accepted,
        "reason": verdict.reason.value,
        "note": verdict.note,
        "score": verdict.score,
        "verdict": verdict.decision.value,
        "reasons": list(verdict.reasons),
        "clip_frames": quality.clip_frames,
        "longest_gap": quality.longest_gap,
        "tilt": quality.tilt,
        **(quality.camera.columns() if quality.camera else {}),
        "floor_frames": quality.contacts,
        "contact": quality.after.contact,
        "skate_before": quality.before.skate,
        "skate_after": quality.after.skate,
        "skating_before": quality.before.skating,
        "skating_after": quality.after.skating,
        "turn": quality.orientation.turn,
        "penetration": quality.after.penetration,
        "floating": quality.after.floating,
        "deviation_before": quality.before.deviation,
        "deviation_after": quality.after.deviation,
        "root_moved": quality.root_moved,
        "feet_moved": quality.feet_moved,
        "feet_left": quality.feet_left,
        "self_penetration": quality.in_itself.depth,
        "self_penetrating": quality.in_itself.share,
    }


def report(quality: Quality, verdict: Verdict) -> dict[str, Any]:
    """Returns the same for the report on one file, in its order."""
    return {
        "pictures": quality.source_frames,
        "found": quality.found,
        "clip_frames": quality.clip_frames,
        "frames": quality.frames,
        "detected": quality.detected,
        "second_looks": quality.second_looks,
        "mean_score": round(quality.mean_score, 4),
        "jitter_before": round(quality.jitter_before, 3),
        "jitter_after": round(quality.jitter_after, 3),
        "skate_before": round(quality.before.skate, 3),
        "skate_after": round(quality.after.skate, 3),
        "skating_before": round(quality.before.skating, 4),
        "skating_after": round(quality.after.skating, 4),
        "deviation_before": round(quality.before.deviation, 4),
        "deviation_after": round(quality.after.deviation, 4),
        "root_moved": round(quality.root_moved, 4),
        "feet_moved": round(quality.feet_moved, 4),
        "feet_left": round(quality.feet_left, 4),
        "tilt": round(quality.tilt, 2),
        "focal_length": None if quality.camera is None else quality.camera.focal_length,
        "focal_length_from": None if quality.camera is None else quality.camera.focal_length_from,
        "penetration": round(quality.after.penetration, 4),
        "floating": round(quality.after.floating, 4),
        "self_penetration": round(quality.in_itself.depth, 4),
        "self_penetrating": round(quality.in_itself.share, 4),
        "score": round(verdict.score, 4),
        "verdict": verdict.decision.value,
        "reasons": ", ".join(verdict.reasons),
        "note": verdict.note,
    }
