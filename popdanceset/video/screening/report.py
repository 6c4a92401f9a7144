"""What screening found in a video; its JSON form is kept next to the video, for planning and reports."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from popdanceset.errors import StoreError


@dataclass(frozen=True, slots=True)
class Shake:
    """Camera jitter over time.

    Attributes:
        time: seconds from the first frame, about ten a second.
        value: jitter at that time as a share of the frame's diagonal; None where the background shows too
            little.
    """

    time: tuple[float, ...]
    value: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """Intended camera motion over time, without jitter.

    Attributes:
        time: as `Shake.time`.
        pan: speed of the frame's centre, diagonals of the frame a second; None where it is not known.
        zoom: rate of change of the logarithm of the focal length, 1/s, absolute; None likewise.
    """

    time: tuple[float, ...]
    pan: tuple[float | None, ...]
    zoom: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Whether anything moves, and whether the frames show anything.

    Attributes:
        time: seconds from the first frame, ten a second.
        change: change of brightness within half a second, 0..255, of the parts that change most.
        contrast: from the dark to the light parts, 0..255.
    """

    time: tuple[float, ...]
    change: tuple[float | None, ...]
    contrast: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Overlays:
    """What surrounds the picture in the whole video.

    Attributes:
        bars: dark margins above, below, left and right, shares of the frame's sides.
    """

    bars: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Panels:
    """Whether the frames are put together from several pictures.

    Attributes:
        time: seconds from the first frame.
        seam: share 0..1 of the frame's side over which the strongest seam runs; 0 if no seam divides it.
    """

    time: tuple[float, ...]
    seam: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dancers:
    """Who is seen, in frames sampled at even intervals.

    Attributes:
        time: seconds from the first frame.
        count: people.
        whole: number of them who are in the frame from head to foot.
        main: whether the main dancer is whole, 0 or 1. The main dancer is the one followed so far, or else
            the largest.
        size: height of the main dancer's circle, share of the frame's height; 0 if nobody is seen.
        second: the next largest person's circle, share of the main dancer's; 0 if nobody else is seen.
        track: number of the main dancer's track, which changes when somebody else takes over; 0 if nobody is
            seen.
        limbs: confidence 0..1 that each of the main dancer's shoulders, elbows, wrists, hips, knees and
            ankles is seen (left then right), None for one outside the frame; None altogether if nobody is
            seen, or if the detector finds no limbs. They are looked at in every second sample; the samples
            between repeat the one before, if it shows the same dancer.
        twin: likeness of the two most similar people, 0..1; 0 if there are fewer than two.
        behind: whether each of these limbs lies where the own body can hide it; None as above. Empty: it is
            not known of any.
    """

    time: tuple[float, ...]
    count: tuple[int, ...]
    whole: tuple[int, ...]
    main: tuple[int, ...]
    size: tuple[float, ...]
    second: tuple[float, ...]
    track: tuple[int, ...]
    limbs: tuple[tuple[float | None, ...] | None, ...]
    twin: tuple[float, ...]
    behind: tuple[tuple[bool, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Screening:
    """Everything measured in a video, as time series.

    Attributes:
        duration: seconds from the first frame to the end of the last one, as decoded.
        fps: mean frame rate, 1/s.
        cuts: times of the first frames of new shots, seconds, ascending.
        transitions: starts and ends of dissolves and fades, seconds, ascending.
        shake: camera jitter.
        motion: pan and zoom.
        picture: stillness and blankness.
        overlays: bars.
        panels: split screens.
        dancers: people.
        damaged: starts and ends of spans in which damaged data are shown, seconds, ascending.
        made_from: hash of the file and of the settings that were used to measure; with another value the
            report is out of date.
    """

    duration: float
    fps: float
    cuts: tuple[float, ...]
    transitions: tuple[tuple[float, float], ...]
    shake: Shake
    motion: CameraMotion
    picture: Picture
    overlays: Overlays
    panels: Panels
    dancers: Dancers
    damaged: tuple[tuple[float, float], ...] = ()
    made_from: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Reads what `as_json` returned.

        Raises:
            StoreError: the document is not a screening report.
        """

        def series(name: str, kind: type[Any]) -> Any:
            part = {"behind": [], **document[name]}
            return kind(*(_tuple(part[field.name]) for field in fields(kind)))

        try:
            return cls(
                duration=float(document["duration"]),
                fps=float(document["fps"]),
                cuts=tuple(document["cuts"]),
                transitions=tuple((float(start), float(end)) for start, end in document["transitions"]),
                shake=series("shake", Shake),
                motion=series("motion", CameraMotion),
                picture=series("picture", Picture),
                overlays=Overlays(_bars(document["overlays"]["bars"])),
                panels=series("panels", Panels),
                dancers=series("dancers", Dancers),
                damaged=tuple((float(start), float(end)) for start, end in document.get("damaged", ())),
                made_from=str(document["made_from"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"not a screening report: {error!r}", do="delete it and run the stage again"
            ) from error


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def _bars(values: Any) -> tuple[float, float, float, float]:
    above, below, left, right = values
    return float(above), float(below), float(left), float(right)
