"""How large a test split should be: in clips, in seconds, or as a share of all frames."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from popdanceset.errors import SettingsError
from popdanceset.schema import FPS

_FORM = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<unit>clips?|s|%|)", re.ASCII)


class SplitSize(NamedTuple):
    """A size.

    Attributes:
        amount: how much.
        unit: `clips`, `s` (seconds), or `share` (0..1 of all frames).
    """

    amount: float
    unit: Literal["clips", "s", "share"]

    def __str__(self) -> str:
        return f"{self.amount:g}{'' if self.unit == 'share' else self.unit}"

    def measure(self, clips: int, frames: int) -> int:
        """Returns how much some clips are: their number, or their frames."""
        return clips if self.unit == "clips" else frames

    def target(self, clips: int, frames: int) -> int:
        """Returns the size as `measure` counts it, of a dataset of so much."""
        scale = {"clips": 1, "s": FPS, "share": frames}[self.unit]
        return round(self.amount * scale)

    def words(self, measured: int) -> str:
        """Returns what `measure` counted, with its unit."""
        return f"{measured} clips" if self.unit == "clips" else f"{measured / FPS:.1f} s"


def parse_size(text: str) -> SplitSize:
    """Parses `24clips`, `355s`, `0.05` or `5%`.

    Raises:
        SettingsError: it is none of these, or a share that leaves nothing for training.
    """
    match = _FORM.fullmatch(text.strip())
    number, unit = (float(match["number"]), match["unit"]) if match else (0.0, "")
    if match and unit.startswith("clip") and number == int(number):
        return SplitSize(number, "clips")
    if match and unit == "s":
        return SplitSize(number, "s")
    share = number / 100 if unit == "%" else number
    if match and unit in ("%", "") and share < 1:
        return SplitSize(share, "share")
    raise SettingsError(
        f"{text!r} is not a size of a test split",
        "release.test_size",
        "write clips, seconds or a share below 1, as 24clips, 355s or 0.05",
    )
