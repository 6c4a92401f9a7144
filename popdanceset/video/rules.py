"""The rules of screening: what is measured in a video, and which values keep a span from becoming a clip.

This is the one list of them. The schema takes its columns and reasons from it, the settings their thresholds,
planning its judgement, and the report its limits. To add a rule, add an entry to `RULES`. If it needs a
measure that does not exist yet, add one to `MEASURES` or `SIGNALS`, and say in `popdanceset.video.measures`
how it is computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Scope(Enum):
    """What a rule judges."""

    MOMENT = "each moment of the video"
    CLIP = "a span as a whole, before it becomes a clip"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that describes a span.

    Attributes:
        name: column of `popdanceset.schema.CLIPS`.
        doc: what it is.
        unit: of its values.
        label: for the axis of a figure.
        note: how the report writes its largest value into the note of a rejected video; empty: it does not.
        logarithmic: whether its values span orders of magnitude.
    """

    name: str
    doc: str
    unit: str
    label: str
    note: str = ""
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit that the user can set, as `screening.{setting}`.

    Attributes:
        setting: its name.
        default: its value unless it is set.
        description: what it limits, with the unit.
        gt, ge, le: bounds of the values allowed.
    """

    setting: str
    default: float
    description: str
    gt: float | None = None
    ge: float | None = None
    le: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A reason to reject, and the measure that decides about it.

    Attributes:
        reason: value of `popdanceset.schema.Reason`. Several rules may share one.
        meaning: of the reason, for readers; given by the first rule that has the reason.
        measure: name of a measure or signal.
        unit: of its values.
        least, most: the limit: a threshold, or a number that cannot be set. Exactly one of them is given.
        scope: what the rule judges.
        lasting: seconds that the measure must break its limit at a stretch before the rule is broken.
        averaged: the mean of the measure over `clips.min_seconds` around is judged, not its value.
        mostly: the rule is broken where the measure breaks its limit for most of `clips.min_seconds` around.
        lapse: seconds for which a clip may break the rule; None: `clips.max_lapse`.
        decisive: share of a rejected span from which on the reason is given whatever else is wrong there.
        unless: (for a whole span) the reason is given before the moments are counted, unless one of these
            reasons, which mislead the measure, holds for a good part of the span. Empty: it is given only if
            no moment is to blame.
        must_be_known: whether a span whose measure is unknown breaks the rule.
    """

    reason: str
    meaning: str = ""
    measure: str
    unit: str
    least: Threshold | float | None = None
    most: Threshold | float | None = None
    scope: Scope = Scope.MOMENT
    lasting: Threshold | None = None
    averaged: bool = False
    mostly: bool = False
    lapse: float | None = None
    decisive: float | None = None
    unless: tuple[str, ...] = ()
    must_be_known: bool = False

    @property
    def thresholds(self) -> tuple[Threshold, ...]:
        """The limits of the rule that can be set."""
        return tuple(x for x in (self.least, self.most, self.lasting) if isinstance(x, Threshold))

    def limit(self, settings: object) -> float:
        """The limit of the measure, in its unit."""
        bound = self.most if self.least is None else self.least
        if isinstance(bound, Threshold):
            return float(getattr(settings, bound.setting))
        assert bound is not None, f"the rule for {self.reason} has no limit"
        return bound

    def breaks(self, value: Any, settings: object) -> Any:
        """Returns whether a value, or each of an array of values, is beyond the limit; NaN is not."""
        limit = self.limit(settings)
        return value > limit if self.least is None else value < limit


MEASURES: tuple[Measure, ...] = (
    Measure(
        "cuts_per_minute",
        "camera cuts in the whole video",
        "1/min",
        "cuts and transitions (1/min)",
        "{:.1f} cuts/min",
    ),
    Measure(
        "shake",
        "high-frequency camera motion, share of the frame's diagonal; null if the background is blank",
        "1",
        "shake (diagonals)",
        "shake {:.4f}",
        logarithmic=True,
    ),
    Measure("dancers", "dancers visible, mean over the sampled frames", "1", "people, mean"),
    Measure(
        "visibility",
        "share of sampled frames with one whole dancer, the same one, and nobody else of size",
        "1",
        "one whole dancer (share)",
        "one whole dancer in {:.0%}",
    ),
    Measure(
        "limbs",
        "share of sampled frames with all limbs in the frame and confident; null if not known",
        "1",
        "all limbs seen (share)",
    ),
    Measure(
        "occlusion",
        "share of sampled frames with limbs hidden inside the frame; null likewise",
        "1",
        "limbs hidden (share)",
        "limbs hidden in {:.0%}",
    ),
    Measure(
        "size",
        "circle around the main dancer, median share of the frame's height",
        "1",
        "size (frame heights)",
    ),
    Measure(
        "pan",
        "camera pan, 95th percentile, diagonals a second",
        "1/s",
        "pan (diagonals/s)",
        "pan {:.2f}/s",
        logarithmic=True,
    ),
    Measure(
        "zoom",
        "rate of the scale's logarithm, 95th percentile",
        "1/s",
        "zoom (1/s)",
        "zoom {:.2f}/s",
        logarithmic=True,
    ),
    Measure("stillness", "share of the time without any motion", "1", "still (share)", "still in {:.0%}"),
    Measure("bars", "share of the picture that dark bars take", "1", "bars (share of the picture)"),
    Measure(
        "seam",
        "how much of a line through the picture is the seam of a split screen, median",
        "1",
        "seam (share of a line)",
        "seam over {:.0%}",
    ),
    Measure(
        "twin",
        "likeness of the two most similar people, median; near 1 is one dancer shown twice",
        "1",
        "likeness of two people",
        "two people alike to {:.2f}",
    ),
)
"""Every measure of a span, in the order of the columns of CLIPS."""

SIGNALS = {
    "contrast": "contrast of the frame, 0..255",
    "undamaged": "1 where all data shown are whole, else 0",
    "change": "change of brightness within half a second, 0..255",
    "people": "number of people",
    "second": "the next largest person's circle, share of the main dancer's",
    "whole": "1 if the main dancer is in the frame from head to foot, else 0",
    "seam": "share of the strongest seam's length that is one",
    "twin": "likeness of the two most similar people",
    "zoom": "rate of the scale's logarithm, 1/s",
    "pan": "speed of the frame's middle, diagonals a second, where the camera does not shake instead",
    "shake": "camera jitter, share of the frame's diagonal",
    "size": "height of the main dancer's circle, share of the frame's height",
    "occlusion": "1 if two or more limbs of the main dancer are hidden, else 0",
}
"""The signals that rules for moments may use."""

_MAX_SHAKE = Threshold("max_shake", 0.002, "largest camera jitter, share of the frame's diagonal", gt=0)
_BRIEF = 0.3  # seconds of a pan or zoom that may be a wrong measurement

RULES: tuple[Rule, ...] = (
    Rule(
        reason="damaged_picture",
        meaning="data of the video are damaged there",
        measure="undamaged",
        unit="1",
        least=1,
        lapse=0.0,
        decisive=0.5,
    ),
    Rule(
        reason="blank_picture",
        meaning="the picture is of one colour",
        measure="contrast",
        unit="0..255",
        least=Threshold(
            "min_contrast", 12.0, "smallest contrast of a frame that shows something, 0..255", ge=0
        ),
    ),
    Rule(
        reason="still_picture",
        meaning="nothing moves",
        measure="change",
        unit="0..255",
        least=Threshold(
            "min_change",
            2.0,
            "smallest change of brightness within half a second that counts as motion, 0..255",
            ge=0,
        ),
        lasting=Threshold(
            "max_still", 2.5, "seconds without any motion from which on the picture counts as a still", gt=0
        ),
    ),
    Rule(
        reason="split_screen",
        meaning="the picture is put together from several pictures",
        measure="seam",
        unit="1",
        most=Threshold(
            "max_seam", 0.6, "largest share of a line through the frame that is a seam", ge=0, le=1
        ),
        decisive=0.5,  # in each of the panels, other rules find something else
    ),
    Rule(
        reason="split_screen",
        measure="twin",
        unit="1",
        most=Threshold(
            "max_twin",
            0.85,
            "largest likeness of two people who are not one dancer shown twice",
            ge=0,
            le=1,
        ),
        mostly=True,
        decisive=0.5,
    ),
    Rule(
        reason="camera_zoom",
        meaning="the camera zooms too fast",
        measure="zoom",
        unit="1/s",
        most=Threshold("max_zoom", 0.25, "fastest zoom, change of the logarithm of the scale, 1/s", gt=0),
        lapse=_BRIEF,
    ),
    Rule(
        reason="camera_pan",
        meaning="the camera pans too fast",
        measure="pan",
        unit="diagonals/s",
        most=Threshold("max_pan", 0.25, "fastest pan of the camera, diagonals of the frame a second", gt=0),
        lapse=_BRIEF,
    ),
    Rule(
        reason="camera_shake",
        meaning="the camera shakes",
        measure="shake",
        unit="diagonals",
        most=_MAX_SHAKE,
    ),
    Rule(
        reason="camera_shake",
        measure="shake",
        unit="diagonals",
        most=_MAX_SHAKE,
        scope=Scope.CLIP,
        # Given before the moments are counted, because strong shake can look like a cut, and then the shot
        # would be blamed for being short.
        unless=("blank_picture", "camera_pan", "camera_zoom"),
    ),
    Rule(reason="no_dancer", meaning="nobody is seen", measure="people", unit="people", least=1),
    Rule(
        reason="several_dancers",
        meaning="more than one person is seen",
        measure="second",
        unit="1",
        most=Threshold(
            "max_second", 0.5, "people larger than this share of the main dancer count as dancers", ge=0
        ),
    ),
    Rule(
        reason="not_whole",
        meaning="the dancer is not seen from head to foot",
        measure="whole",
        unit="1",
        least=1,
        decisive=0.9,  # a camera so near that nobody is whole sees little of the background
    ),
    Rule(
        reason="too_small",
        meaning="the dancer is too small in the picture",
        measure="size",
        unit="frame heights",
        least=Threshold(
            "min_size", 0.3, "smallest height of the main dancer's circle, share of the frame's height", ge=0
        ),
    ),
    Rule(
        reason="occluded",
        meaning="something hides limbs of the dancer",
        measure="occlusion",
        unit="1",
        most=Threshold(
            "max_occlusion",
            0.4,
            "largest share of samples in which two or more limbs are hidden",
            ge=0,
            le=1,
        ),
        averaged=True,
    ),
    Rule(
        reason="occluded",
        measure="limbs",
        unit="1",
        least=Threshold(
            "min_limbs",
            0.5,
            "smallest share of samples with all limbs in the frame and seen",
            ge=0,
            le=1,
        ),
        scope=Scope.CLIP,
    ),
    Rule(
        reason="no_dancer",
        measure="visibility",
        unit="1",
        least=Threshold("min_visibility", 0.9, "smallest share of samples with one whole dancer", ge=0, le=1),
        scope=Scope.CLIP,
        must_be_known=True,
    ),
)
"""Every rule. A moment that breaks several counts for the first of them when a rejected span is blamed."""


def of_scope(scope: Scope) -> tuple[Rule, ...]:
    """The rules that judge moments, or whole spans, in order."""
    return tuple(rule for rule in RULES if rule.scope is scope)


def reasons() -> Iterator[tuple[str, str]]:
    """Each reason and its meaning, once."""
    given = set()
    for rule in RULES:
        if rule.reason not in given:
            given.add(rule.reason)
            yield rule.reason, rule.meaning


def thresholds() -> list[Threshold]:
    """Each threshold, once."""
    return list({t.setting: t for rule in RULES for t in rule.thresholds}.values())
