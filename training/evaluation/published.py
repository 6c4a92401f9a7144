"""The protocol card: published numbers, with what is known of how they were computed.

    python -m training.evaluation.published            every number that we know
    python -m training.evaluation.published TokenDance those of one source

`popdanceset evaluate --against` prints them below measured numbers. `published.toml` holds them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, Literal, NoReturn, get_args

import click

from popdanceset.commands import run
from popdanceset.errors import InputError
from training.metrics.catalogue import METRICS, Description
from training.metrics.score import joined

Group = Literal["paper", "peers"]
Reading = Literal["text", "second hand"]

NOT_TOLD = "not told"

CAVEAT = (
    "Printed numbers come from other clips, lengths, joints and code. A footnote names each known difference "
    "from the measured rows, and what the source does not tell: compare order, not size."
)


@dataclass(frozen=True, slots=True)
class PublishedProtocol:
    """What is known of how a number was computed; None where the source does not tell.

    Attributes:
        up: axis that points up in the motions.
        feature_up: axis that kinetic and geometric features take for vertical.
        fps: frames a second of the motions.
        time_step: seconds that the features assume between two frames.
        clip_length: length of the motions.
        feature_code: code of the kinetic and geometric features.
        beat_direction: whose beats the mean of BAS is over.
        beat_length: part of motion and music in which beats count.
        beat_mean: how BAS is averaged over clips.
        contact: when a foot counts as standing, and as sliding.
        floor: where the ground is.
    """

    up: str | None = None
    feature_up: str | None = None
    fps: str | None = None
    time_step: str | None = None
    clip_length: str | None = None
    feature_code: str | None = None
    beat_direction: str | None = None
    beat_length: str | None = None
    beat_mean: str | None = None
    contact: str | None = None
    floor: str | None = None


TITLES = {
    "up": "vertical axis",
    "feature_up": "vertical axis of features",
    "fps": "fps",
    "time_step": "time step",
    "clip_length": "clip length",
    "feature_code": "feature code",
    "beat_direction": "direction of BAS",
    "beat_length": "length for beats",
    "beat_mean": "mean of BAS",
    "contact": "contact threshold",
    "floor": "floor",
}
"""Field of `PublishedProtocol` → its name for readers."""

_FEATURES = ("feature_up", "fps", "time_step", "clip_length", "feature_code")
_BEATS = ("fps", "beat_direction", "beat_length", "beat_mean")
_BODY = ("up", "fps", "clip_length")
_FEET = ("up", "fps", "clip_length", "contact", "floor")

FACTORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("FID_k", "FID_g", "Div_k", "Div_g"), _FEATURES),
    "BAS": _BEATS,
    **dict.fromkeys(("PFC", "PBC"), _BODY),
    **dict.fromkeys(("infinitedance_skating", "foot_ground_deviation"), _FEET),
    "infinitedance_jitter": _BODY,
}
"""Number → the fields of its protocol that move it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that prints numbers.

    Attributes:
        name: short name, as `--against` takes it.
        title: authors, title, place.
        group: `paper` for the paper of POPDG and the description of its upgraded set, otherwise `peers`.
        read: whether the numbers were read in the source's own text or second hand.
        note: what readers should know about all its numbers.
    """

    name: str
    title: str
    group: Group
    read: Reading
    note: str = ""


@dataclass(frozen=True, slots=True)
class PublishedNumber:
    """A printed number.

    Attributes:
        source: where it is printed.
        model: name of the model, or `ground truth`.
        dataset: name of the data it was computed on.
        metric: key of `catalogue.METRICS` or of `OTHER_METRICS`.
        value: the number.
        deviation: standard deviation over `runs`; None if none is printed.
        runs: number of runs; None if not told.
        protocol: what is known of how it was computed.
        note: what readers should know about it.
    """

    source: Source
    model: str
    dataset: str
    metric: str
    value: float
    deviation: float | None
    runs: int | None
    protocol: PublishedProtocol
    note: str = ""

    @property
    def row(self) -> str:
        """Name of its row in a table."""
        return f"{self.model} ({self.source.name}, {self.dataset})"


def published_numbers(content: Mapping[str, Any] | None = None) -> tuple[PublishedNumber, ...]:
    """Returns the numbers of the card, in its order.

    Args:
        content: a card as read from TOML; None takes `published.toml`.

    Raises:
        InputError: a table has unknown metrics, unknown keys of the protocol, or rows of another length.
    """
    content = _content() if content is None else content
    known = {*METRICS, *content.get("metric", {})}
    numbers: list[PublishedNumber] = []
    for entry in content["source"]:
        source = Source(entry["name"], entry["title"], entry["group"], entry["read"], entry.get("note", ""))
        if source.group not in get_args(Group) or source.read not in get_args(Reading):
            raise InputError(
                f"group {source.group!r}, read {source.read!r}", source.name, "see the head of published.toml"
            )
        for table in entry["table"]:
            where = f"{source.name}, {table['dataset']}"
            protocol = _protocol(entry.get("protocol", {}) | table.get("protocol", {}), where)
            unknown = [key for key in table["columns"] if key not in known]
            if unknown:
                raise InputError(f"no number is called {unknown[0]!r}", where, "describe it under [metric]")
            numbers += _of_table(source, table, protocol, where)
    return tuple(numbers)


def _content() -> dict[str, Any]:
    return tomllib.loads(files("training.evaluation").joinpath("published.toml").read_text(encoding="utf-8"))


def _protocol(told: Mapping[str, str], where: str) -> PublishedProtocol:
    unknown = set(told) - set(TITLES)
    if unknown:
        raise InputError(f"protocols have no {min(unknown)!r}", where, f"use {', '.join(TITLES)}")
    return PublishedProtocol(**told)


def _of_table(
    source: Source, table: Mapping[str, Any], protocol: PublishedProtocol, where: str
) -> Iterator[PublishedNumber]:
    columns, deviations = table["columns"], table.get("deviation", {})
    for model, values in table["rows"].items():
        spread = deviations.get(model, [None] * len(columns))
        if not len(columns) == len(values) == len(spread):
            raise InputError(
                f"{model} has {len(values)} values and {len(spread)} deviations for {len(columns)} columns",
                where,
                "give one value for each column",
            )
        for key, value, deviation in zip(columns, values, spread, strict=True):
            yield PublishedNumber(
                source,
                model,
                table["dataset"],
                key,
                float(value),
                deviation,
                table.get("runs"),
                protocol,
                table.get("note", ""),
            )


def other_metrics() -> dict[str, Description]:
    """Returns the printed numbers that the suite does not compute; which direction is better is not told."""
    return {key: Description(m["title"], m["unit"], "real") for key, m in _content()["metric"].items()}


def chosen(
    names: Sequence[str], numbers: Sequence[PublishedNumber] | None = None
) -> tuple[PublishedNumber, ...]:
    """Chooses numbers by source.

    Args:
        names: `paper`, `peers`, `all`, or names of sources in any case.
        numbers: to choose from; None takes the whole card.

    Raises:
        InputError: no source has such a name.
    """
    numbers = published_numbers() if numbers is None else numbers
    sources = {number.source.name.lower() for number in numbers}
    wanted = {name.lower() for name in names}
    unknown = wanted - sources - {"paper", "peers", "all"}
    if unknown:
        known = ", ".join(dict.fromkeys(number.source.name for number in numbers))
        raise InputError(f"no source is called {min(unknown)!r}", do=f"choose from all, peers, {known}")
    return tuple(
        number
        for number in numbers
        if "all" in wanted or {number.source.name.lower(), number.source.group} & wanted
    )


def protocol_of_run(protocol: Mapping[str, Any]) -> PublishedProtocol:
    """Describes a run of ours in the terms of the card.

    Args:
        protocol: of `training.evaluation.comparison.Comparison`.
    """
    released = protocol["mode"] == "released"
    truth = next(iter(protocol["rows"].values()))
    least, most = truth["frames"]["least"], truth["frames"]["most"]
    ours = PublishedProtocol(
        up="z",
        feature_up="z",
        fps=" and ".join(f"{rate:g}" for rate in truth["fps"]),
        time_step="1/fps",
        clip_length=f"{least} frames" if least == most else f"{least} to {most} frames",
        feature_code="AIST++ as defined",
        beat_direction="over the motion's beats",
        beat_length="common length of motion and music",
        beat_mean="mean over clips",
        contact="toe below 5 cm, sliding above 0.5 m/s",
        floor="median over frames of the lowest joint",
    )
    if not released:
        return ours
    return replace(
        ours,
        feature_up="y",
        time_step="1/60 s (kinetic), 1/120 s (geometric)",
        feature_code="AIST++ as released",
        beat_length="motion cut at 300 frames, music at 150",
        beat_mean="sum over clips divided by 24",
    )


def differences(number: PublishedNumber, ours: PublishedProtocol) -> str:
    """States how the protocol of a printed number differs from ours, as the flag of a score.

    Only what moves this number is stated. Parts are joined with "; ".
    """
    factors = FACTORS.get(number.metric, tuple(TITLES))
    told = {name: getattr(number.protocol, name) for name in factors}
    untold = [TITLES[name] for name, value in told.items() if value is None]
    parts = [
        f"{number.source.name}: {TITLES[name]} {value}, here {getattr(ours, name)}"
        for name, value in told.items()
        if value is not None and value != getattr(ours, name)
    ]
    if untold:
        parts.append(f"{number.source.name} does not tell {', '.join(untold)}")
    if number.deviation is not None:
        runs = f" over {number.runs} runs" if number.runs else ""
        parts.append(f"{number.source.name}: standard deviation {number.deviation:g}{runs}")
    second = f"{number.source.name}: read second hand" if number.source.read == "second hand" else ""
    return joined(
        *(part.replace("; ", ", ") for part in (*parts, second, number.note, number.source.note) if part)
    )


def card(numbers: Sequence[PublishedNumber]) -> list[str]:
    """Writes numbers as lines of a Markdown table, with what is known of the protocol of each."""
    titles = METRICS | other_metrics()
    lines = [
        "| source | dataset | model | number | value | known of its protocol | not told |",
        "|---|---|---|---|---:|---|---|",
    ]
    for number in numbers:
        factors = FACTORS.get(number.metric, ())
        told = {name: getattr(number.protocol, name) for name in factors}
        known = [f"{TITLES[name]}: {value}" for name, value in told.items() if value is not None]
        known += [number.note] * bool(number.note)
        untold = ", ".join(TITLES[name] for name, value in told.items() if value is None)
        described = titles[number.metric]
        unit = f" ({described.unit})" if described.unit else ""
        spread = ""
        if number.deviation is not None:
            spread = f" ± {number.deviation:g}" + (f" ({number.runs} runs)" if number.runs else "")
        source = number.source.name + (" (second hand)" if number.source.read == "second hand" else "")
        cells = (source, number.dataset, number.model, described.title + unit, f"{number.value:g}{spread}")
        lines.append("| " + " | ".join((*cells, "; ".join(known), untold)) + " |")
    notes = {n.source.name: f"{n.source.title}{f' ({n.source.note})' * bool(n.source.note)}" for n in numbers}
    return [*lines, "", *(f"{name}: {text}  " for name, text in notes.items())]


@click.command()
@click.argument("names", metavar="[paper|peers|all|SOURCE]...", nargs=-1)
def show_card(names: tuple[str, ...]) -> None:
    """Print published numbers with what is known of their protocols, as a Markdown table."""
    for line in card(chosen(names or ("all",))):
        click.echo(line)


def main() -> NoReturn:
    """Runs the command line."""
    run(show_card, "python -m training.evaluation.published")


if __name__ == "__main__":
    main()
