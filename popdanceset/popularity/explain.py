"""The explanation of one video: the parts of its Pop, and why it is accepted or rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from popdanceset.bilibili.text import one_line
from popdanceset.errors import InputError
from popdanceset.popularity.model import PopularityModel
from popdanceset.popularity.normalise import count_matrix
from popdanceset.popularity.selection import READ, judge
from popdanceset.popularity.statistics import Statistics, of_table
from popdanceset.popularity.terms import LABELS
from popdanceset.schema import Reason, State
from popdanceset.settings import PopularitySettings


@dataclass(frozen=True)
class Share:
    """The part of Pop that one count contributes.

    Attributes:
        name: name of the count.
        count: its value at the snapshot; None if unknown.
        reference: its largest value in the founding sample.
        normalised: the count on the logarithmic scale; None if unknown.
        coefficient: of the model.
        share: coefficient times normalised count; None if unknown.
    """

    name: str
    count: int | None
    reference: int
    normalised: float | None
    coefficient: float
    share: float | None


@dataclass(frozen=True)
class Rule:
    """A rule of the selection in words, with the numbers of the video, and whether the video meets it."""

    text: str
    kept: bool


@dataclass(frozen=True)
class Explanation:
    """The explanation of one video.

    Attributes:
        bvid: video id.
        title: title on one line; "" if unknown.
        snapshot: time at which the counts were read; "" if unknown.
        model: the model that scores it.
        shares: contributions of the model's counts; together with the bias they add up to Pop.
        pop: Pop; None if a count that the model needs is unknown.
        rules: the rules in order, up to the first that the video does not meet.
        reason: empty if the video is accepted.
    """

    bvid: str
    title: str
    snapshot: str
    model: PopularityModel
    shares: tuple[Share, ...]
    pop: float | None
    rules: tuple[Rule, ...]
    reason: Reason

    def __str__(self) -> str:
        """Returns the explanation as text of several lines."""
        head = f"{self.bvid}  {self.title}".rstrip()
        when = f", counts of {self.snapshot}" if self.snapshot else ""
        lines = [
            head,
            f"model {self.model.name}: {self.model.origin}{when}",
            "",
            f"{'':<12}{'count':>14}{'reference':>14}{'normalised':>12}{'coefficient':>13}{'share':>10}",
        ]
        for share in self.shares:
            count = "unknown" if share.count is None else f"{share.count:,}"
            normalised = "" if share.normalised is None else f"{share.normalised:.4f}"
            part = "" if share.share is None else f"{share.share:.4f}"
            mark = "  above the founding sample's largest" if (share.normalised or 0) > 1 else ""
            lines.append(
                f"{LABELS[share.name]:<12}{count:>14}{share.reference:>14,}{normalised:>12}"
                f"{share.coefficient:>13.4f}{part:>10}{mark}"
            )
        lines.append(f"{'bias':<12}{'':>53}{self.model.bias:>10.4f}")
        lines.append(f"{'Pop':<12}{'':>53}{'unknown' if self.pop is None else f'{self.pop:.4f}':>10}")
        lines.append("")
        lines += [f"{'yes' if rule.kept else 'no ':<5}{rule.text}" for rule in self.rules]
        lines.append(f"rejected: {self.reason.value}" if self.reason else "accepted")
        return "\n".join(lines)


def explain(
    bvid: str, statistics: Statistics | pa.Table, model: PopularityModel, settings: PopularitySettings
) -> Explanation:
    """Scores and judges one video, and explains the result.

    Args:
        bvid: video id.
        statistics: statistics that contain the video.
        model: scores the video.
        settings: the thresholds.

    Raises:
        InputError: there are no statistics of the video.
    """
    source = of_table(statistics) if isinstance(statistics, pa.Table) else statistics
    found = source.videos(pa.array([bvid]), READ)
    if not len(found):
        raise InputError(f"there are no statistics of {bvid}", source.where, "check the id, or crawl it")
    (row,) = found.to_pylist()
    (judged,) = judge(found, model, settings).to_pylist()
    reason = Reason(judged["reason"])
    normalised = model.normaliser(count_matrix(found, model.terms), model.terms)[0].tolist()
    shares = tuple(
        Share(
            name,
            row[name],
            int(model.normaliser.reference[name]),
            None if row[name] is None else value,
            model.coefficients[name],
            None if row[name] is None else model.coefficients[name] * value,
        )
        for name, value in zip(model.terms, normalised, strict=True)
    )
    time = row["snapshot_at"].isoformat() if row["snapshot_at"] else ""
    rules = tuple(_rules(row["state"], shares, judged, settings))
    return Explanation(bvid, one_line(row["title"]) or "", time, model, shares, judged["pop"], rules, reason)


def _rules(
    state: str, shares: tuple[Share, ...], judged: dict[str, Any], settings: PopularitySettings
) -> Iterator[Rule]:
    """Yields the rules in the order in which `judge` checks them."""
    public = state == State.PUBLIC.value
    yield Rule("the video is public" if public else f"the video is public: it is {state}", public)
    if not public:
        return
    unknown = [LABELS[share.name] for share in shares if share.count is None]
    yield Rule("the counts are known" + (f": not {', '.join(unknown)}" if unknown else ""), not unknown)
    if unknown:
        return
    popular = judged["pop"] > settings.min_pop
    yield Rule(f"Pop {judged['pop']:.6g} is above {settings.min_pop:g} (popularity.min_pop)", popular)
    ratio = settings.min_views_per_follower
    if not popular or not ratio:
        return
    view, follower = judged["view"], judged["follower"]
    if follower is None:
        yield Rule("the uploader's followers are known", False)
        return
    times = "" if ratio == 1 else f"{ratio:g} times "
    known = view is not None
    yield Rule(
        f"views {f'{view:,}' if known else 'unknown'} are above {times}the uploader's {follower:,} followers "
        "(popularity.min_views_per_follower)",
        known and view > ratio * follower,
    )
