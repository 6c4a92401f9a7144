"""What screening found in a video; its JSON form is kept beside the video for planning and for the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from popdanceset.errors import StoreError


@dataclass(frozen=True, slots=True)
class Shake:
    """Camera jitter over time.

    Attributes:
        time: seconds from the first picture, about ten a second.
        value: jitter at that time as share of the frame's diagonal; None where the background shows too
            little.
    """

    time: tuple[float, ...]
    value: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CameraMotion:
    """Intended camera motion over time, apart from jitter.

    Attributes:
        time: as `Shake.time`.
        pan: speed of the picture's middle, diagonals of the frame a second; None where it is not known.
        zoom: rate of change of the logarithm of the focal length, 1/s, absolute; None likewise.
    """

    time: tuple[float, ...]
    pan: tuple[float | None, ...]
    zoom: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """Whether the picture lives, and shows anything.

    Attributes:
        time: seconds from the first picture, ten a second.
        change: brightness change within half a second, 0..255, of the parts that change most.
        contrast: from the dark to the light parts, 0..255.
    """

    time: tuple[float, ...]
    change: tuple[float | None, ...]
    contrast: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Overlays:
    """What lies beside the picture through the whole video.

    Attributes:
        bars: dark margins above, below, left and right, shares of the picture's sides.
    """

    bars: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Panels:
    """Whether the picture is put together from several ones.

    Attributes:
        time: seconds from the first picture.
        seam: share of the strongest seam's length that is one, 0..1; 0 if no seam divides the picture.
    """

    time: tuple[float, ...]
    seam: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Dancers:
    """Who is seen, in pictures taken at even distances.

    Attributes:
        time: seconds from the first picture.
        count: people.
        whole: how many of them are in the frame from head to foot.
        main: whether the main dancer is whole, 0 or 1; the main dancer is the one followed from before, or
            else the largest.
        size: height of the main dancer's circle, share of the frame's height; 0 if nobody is there.
        second: the next largest person's circle, share of the main dancer's; 0 if there is none.
        track: number of the main dancer's track, which changes when the dancer is another one; 0 if nobody
            is there.
        limbs: how surely each of the main dancer's shoulders, elbows, wrists, hips, knees and ankles is seen
            (left then right), 0..1, None for one beyond the picture; None altogether if nobody is there, or
            if the detector tells no limbs.
        twin: how like each other the two most similar people are, 0..1; 0 if there are none.
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


@dataclass(frozen=True, slots=True)
class Screening:
    """Everything measured in a video, as time series.

    Attributes:
        duration: seconds from the first picture to the end of the last one, as decoded.
        fps: mean rate of the pictures, 1/s.
        cuts: times of the first pictures of new shots, seconds, ascending.
        transitions: starts and ends of dissolves and fades, seconds, ascending.
        shake: camera jitter.
        motion: pan and zoom.
        picture: stillness and blankness.
        overlays: bars.
        panels: split screens.
        dancers: people.
        made_from: hash of the file and the settings of the measures; with another value the report is out of
            date.
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
    made_from: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """The report that `as_json` gave.

        Raises:
            StoreError: the document is no screening report.
        """

        def series(name: str, kind: type[Any]) -> Any:
            part = document[name]
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
                made_from=str(document["made_from"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"no screening report: {error!r}", do="delete it and run the stage again"
            ) from error


def _tuple(values: list[Any]) -> tuple[Any, ...]:
    return tuple(_tuple(value) if isinstance(value, list) else value for value in values)


def _bars(values: Any) -> tuple[float, float, float, float]:
    above, below, left, right = values
    return float(above), float(below), float(left), float(right)
