"""What screening found in a video; its JSON form is kept beside the video for planning and for the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
class Dancers:
    """Who is seen, in pictures taken at even distances.

    Attributes:
        time: seconds from the first picture.
        count: people.
        whole: how many of them are in the frame from head to foot.
    """

    time: tuple[float, ...]
    count: tuple[int, ...]
    whole: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Screening:
    """Everything measured in a video, as time series.

    Attributes:
        duration: seconds from the first picture to the end of the last one, as decoded.
        fps: mean rate of the pictures, 1/s.
        cuts: times of the first pictures of new shots, seconds, ascending.
        shake: camera jitter.
        dancers: people.
        made_from: hash of the file and the settings of the measures; with another value the report is out of
            date.
    """

    duration: float
    fps: float
    cuts: tuple[float, ...]
    shake: Shake
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
        try:
            return cls(
                duration=float(document["duration"]),
                fps=float(document["fps"]),
                cuts=tuple(document["cuts"]),
                shake=Shake(tuple(document["shake"]["time"]), tuple(document["shake"]["value"])),
                dancers=Dancers(*(tuple(document["dancers"][key]) for key in ("time", "count", "whole"))),
                made_from=str(document["made_from"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(
                f"no screening report: {error!r}", do="delete it and run the stage again"
            ) from error
