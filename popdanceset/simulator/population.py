"""A synthetic dance section: videos and uploaders with plausible distributions of their numbers.

The model works with logarithms. Nothing in it is measured; it has the shape that POPDG, Sec. 3.1, describes:
top videos have orders of magnitude more views than the average, and every other count follows the views.

- Uploaders: the number of followers is log-normal, and so is the number of videos, independently.
- Appeal of a video: one part depends on its uploader's standing, the other is its own.
- Views by rank of appeal: most videos follow a wide log-normal distribution; the few per cent with the
  highest appeal are promoted by the recommendation and follow a narrow one, orders of magnitude above the
  median.
- The other counts: Poisson around views × rate, where each rate has its own log-normal noise and a factor
  common to all counts of a video (how engaged its audience is).

Ranks and standings are stratified over their distributions instead of drawn at random, so that a few hundred
videos have the same shape with any seed, while the order of the videos differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from popdanceset.errors import InputError
from popdanceset.simulator import words
from popdanceset.simulator.records import CHINA, SECTIONS, Counts, Partner, SimulatedVideo

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

UPLOADERS_PER_VIDEO = 0.5
PRODUCTIVITY_SPREAD = 0.7
LOG_FOLLOWERS = (8.2, 2.6)  # mean and standard deviation of ln(followers): median 3,600
STANDING = 0.65  # correlation of a video's appeal with its uploader's followers

PROMOTED = 0.035  # share of the videos that the recommendation promotes
LOG_VIEWS = (8.0, 1.5)  # the others: median 3,000
LOG_VIEWS_PROMOTED = (13.7, 0.4)  # median 900,000
VIEW_NOISE = 0.15

ENGAGEMENT_SPREAD = 0.25
RATES = {  # count per view, standard deviation of its logarithm
    "danmaku": (0.004, 0.8),
    "reply": (0.004, 0.7),
    "favorite": (0.03, 0.6),
    "coin": (0.015, 0.7),
    "share": (0.005, 0.7),
    "like": (0.05, 0.45),
}

WEEKS = 4
FADING_DAYS = 7.0
SECTION_SHARES = (0.34, 0.2, 0.12, 0.1, 0.1, 0.06, 0.03, 0.02, 0.03)
JOINT_EVERY = 20
LOG_DURATION = (4.2, 0.7)  # median 67 s

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def population(n: int, seed: int, day: date | None = None) -> list[SimulatedVideo]:
    """Generates a dance section of `n` videos; the same arguments give the same videos.

    Args:
        n: number of videos.
        seed: seed of all random numbers.
        day: simulated day; the videos were published in the weeks before. None: today.

    Raises:
        InputError: `n` is not positive, or `seed` is negative.
    """
    if n <= 0:
        raise InputError(f"a population of {n} videos is empty", "simulator", "use at least one video")
    if seed < 0:
        raise InputError(f"seed {seed} is negative", "simulator", "use a seed of 0 or more")
    rng = np.random.default_rng(seed)

    standing = rng.permutation(_normal_scores(max(1, round(UPLOADERS_PER_VIDEO * n))))
    followers = np.exp(LOG_FOLLOWERS[0] + LOG_FOLLOWERS[1] * standing).astype(np.int64)
    uploader = _uploaders_of_videos(n, len(standing), rng)
    own = rng.permutation(_normal_scores(n))
    views = _views(STANDING * standing[uploader] + np.sqrt(1 - STANDING**2) * own, rng)
    counts = _counts(views, rng)

    author = rng.permutation(len(standing))
    mids = 10_000_000 + _distinct(len(standing), 10**9, rng)
    aids = 10**14 + _distinct(n, 10**13, rng)
    cids = 10**10 + 100 * _distinct(n, 10**9, rng)  # room for the parts of each video
    bvids = _bvids(n, rng)
    sections = rng.choice(len(SECTIONS), n, p=np.array(SECTION_SHARES))
    copyrights = 1 + (rng.random(n) < 0.12)
    durations = np.exp(LOG_DURATION[0] + LOG_DURATION[1] * rng.standard_normal(n)).clip(8, 900).round()
    end = datetime.combine(day or datetime.now(CHINA).date(), datetime.min.time(), CHINA)
    start = end - timedelta(weeks=WEEKS)
    pubdates = start.timestamp() + rng.random(n) * (end - start).total_seconds()
    titles = rng.integers(words.TITLES, size=n)
    tags = rng.integers(len(words.TAGS), size=(n, 3))

    return [
        SimulatedVideo(
            bvid=bvid,
            aid=aid,
            cid=cid,
            mid=mid,
            author=words.author(who),
            follower=follower,
            title=words.title(title),
            tags=tuple(dict.fromkeys((SECTIONS[section].tname, *(words.TAGS[tag] for tag in some)))),
            section=SECTIONS[section],
            copyright=right,
            pubdate=pubdate,
            duration=duration,
            counts=Counts(*numbers),
        )
        for (
            bvid, aid, cid, mid, who, follower, title, some, section, right, pubdate,
            duration, numbers,
        ) in zip(
            bvids,
            aids.tolist(),
            cids.tolist(),
            mids[uploader].tolist(),
            author[uploader].tolist(),
            followers[uploader].tolist(),
            titles.tolist(),
            tags.tolist(),
            sections.tolist(),
            copyrights.tolist(),
            pubdates.astype(np.int64).tolist(),
            durations.astype(np.int64).tolist(),
            np.column_stack([counts[name] for name in Counts._fields]).tolist(),
            strict=True,
        )
    ]  # fmt: skip


def with_partners(videos: Sequence[SimulatedVideo]) -> list[SimulatedVideo]:
    """Returns the videos; every `JOINT_EVERY`-th is a joint upload with the uploader of the next one.

    A partner is added only if the followers of both do not change whether the video has more views than
    followers, so that a section has the same popular videos with and without joint uploads.
    """
    joint = list(videos)
    for index in range(0, len(videos) - 1, JOINT_EVERY):
        video, other = videos[index], videos[index + 1]
        together = video.follower + other.follower
        if video.mid != other.mid and (video.counts.view > video.follower) == (video.counts.view > together):
            staff = (
                Partner(video.mid, video.author, "UP主"),
                Partner(other.mid, other.author, "舞者" if index % (2 * JOINT_EVERY) else "摄影"),
            )
            joint[index] = replace(video, staff=staff)
    return joint


def aged(videos: Sequence[SimulatedVideo], days: float) -> list[SimulatedVideo]:
    """Returns the same videos `days` later, with larger counts.

    After `a` days a video has 1 - exp(-a / FADING_DAYS) of its final counts; the current counts are taken to
    be those of one day after the newest video.
    """
    now = max((video.pubdate for video in videos), default=0) + 86_400

    def grown(video: SimulatedVideo) -> SimulatedVideo:
        age = (now - video.pubdate) / 86_400
        factor = np.expm1(-(age + days) / FADING_DAYS) / np.expm1(-age / FADING_DAYS)
        return replace(video, counts=Counts(*(round(count * factor) for count in video.counts)))

    return [grown(video) for video in videos]


def _normal_scores(n: int) -> Floats:
    """Returns `n` standard normal values, ascending: the middle of each n-th of the distribution."""
    return np.asarray(ndtri((np.arange(n) + 0.5) / n), dtype=np.float64)


def _uploaders_of_videos(n: int, uploaders: int, rng: np.random.Generator) -> Integers:
    """Assigns uploaders to videos by systematic sampling in proportion to productivity, in random order."""
    productivity = np.exp(PRODUCTIVITY_SPREAD * rng.standard_normal(uploaders))
    upper = np.cumsum(productivity) / productivity.sum()
    upper[-1] = 1.0
    places: Floats = (np.arange(n) + rng.random(n)) / n
    return rng.permutation(np.searchsorted(upper, places, side="right"))


def _views(appeal: Floats, rng: np.random.Generator) -> Integers:
    """Returns views by rank of appeal: the quantile function of the mixture in the module's docstring."""
    n = len(appeal)
    rank = (np.argsort(np.argsort(appeal)) + 0.5) / n
    promoted = rank > 1 - PROMOTED
    within = np.where(promoted, (rank - 1 + PROMOTED) / PROMOTED, rank / (1 - PROMOTED))
    edge = 0.5 / n  # rounding must not move a rank to 0 or 1
    z = ndtri(within.clip(edge, 1 - edge))
    mean = np.where(promoted, LOG_VIEWS_PROMOTED[0], LOG_VIEWS[0])
    spread = np.where(promoted, LOG_VIEWS_PROMOTED[1], LOG_VIEWS[1])
    views: Integers = np.exp(mean + spread * z + VIEW_NOISE * rng.standard_normal(n)).astype(np.int64) + 1
    return views


def _counts(views: Integers, rng: np.random.Generator) -> dict[str, Integers]:
    """Returns all seven counts, none of them above the views."""
    engagement = ENGAGEMENT_SPREAD * rng.standard_normal(len(views))
    counts = {"view": views}
    for name, (rate, spread) in RATES.items():
        mean = views * rate * np.exp(engagement + spread * rng.standard_normal(len(views)))
        counts[name] = np.minimum(rng.poisson(mean), views)
    return counts


def _distinct(n: int, below: int, rng: np.random.Generator) -> Integers:
    """Returns `n` distinct integers in [0, below), in random order: one from each of `n` equal strata."""
    stride = below // n
    return rng.permutation(n) * stride + rng.integers(stride, size=n)


def _bvids(n: int, rng: np.random.Generator) -> list[str]:
    """Returns distinct ids in Bilibili's form: `BV1` and nine characters of base 58."""
    digits = _distinct(n, 58**9, rng)[:, None] // 58 ** np.arange(8, -1, -1) % 58
    letters = np.array(list(BASE58))[digits]
    return [f"BV1{''.join(row)}" for row in letters.tolist()]
