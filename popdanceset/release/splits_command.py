"""`popdanceset splits`: commands for the training and test splits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from popdanceset.commands import with_settings, with_values
from popdanceset.release.leaks import Kind
from popdanceset.release.options import with_choices

if TYPE_CHECKING:
    from popdanceset.release.leaks import Leak, LeakReport
    from popdanceset.settings import Settings

_KINDS = tuple(kind.value for kind in Kind if kind is not Kind.CLIP)
_NAMED = 6
"""Clips that a line names; JSON names all of them."""


@click.group(short_help="Check splits for leaks; preview those of a release.")
def splits() -> None:
    """Check splits for leaks, and preview those of a release."""


@splits.command(short_help="Name every leak between splits.")
@click.argument("paths", metavar="RELEASE|LISTS", nargs=-1, required=True)
@click.option(
    "--by",
    metavar="KIND,…",
    help=f"Fail on leaks by these kinds: {', '.join(_KINDS)} (default: video,music, and dancer if the "
    "release holds dancers out).",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def check(context: click.Context, paths: tuple[str, ...], by: str | None, as_json: bool) -> None:
    """Name every leak between splits: clips, videos, music, dancers and uploaders that two of them share.

    Give a release, a folder with lists of clip ids (train.txt, test.txt …), or the lists. The exit code is 1
    if clips leak by a kind that fails; a clip that is listed twice always fails.
    """
    from popdanceset.release.split_check import check_splits

    reports = check_splits(paths, _parsed(by))
    failed = any(report.failed for report in reports)
    if as_json:
        document = {"failed": failed, "reports": [report.document() for report in reports]}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(line for report in reports for line in _lines(report)))
    context.exit(int(failed))


@splits.command(short_help="Show the splits that `popdanceset publish` would make.")
@with_settings
@click.option("--manifest", required=True, metavar="NAME|FOLDER", help="Manifest whose videos are divided.")
@with_choices
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def preview(settings: Settings, manifest: str, as_json: bool, **choices: Any) -> None:
    """Show the splits that `popdanceset publish` would make with the same options. Nothing is written."""
    from popdanceset.release.split_preview import preview_splits
    from popdanceset.store import Store

    settings = with_values(settings, "release", **choices)
    document = preview_splits(settings, Store(settings.store), manifest).document()
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(_table(document)))


def _table(document: dict[str, Any]) -> Iterator[str]:
    rule = document["rule"]
    held_out, stratified = ", ".join(rule["held_out"]), ", ".join(rule["stratified"])
    yield (
        f"test size {rule['size']}, chosen by {rule['by']}; no {held_out} in both splits"
        + (f"; stratified by {stratified}" if stratified else "")
    )
    names = list(document["splits"])
    yield "  " + f"{'':<22}" + "".join(f"{name:>18}" for name in names)
    for row in ("clips", "seconds", "videos", "music", "dancers"):
        cells = [document["splits"][name][row] for name in names]
        yield _row(row, cells, sum(cells) if row in ("clips", "seconds") else 0)
    for group in ("genres", "lengths", "tiers"):
        labels = sorted({label for name in names for label in document["splits"][name][group]})
        none = 0 if group == "tiers" else 0.0
        for label in labels:
            cells = [document["splits"][name][group].get(label, none) for name in names]
            yield _row(f"{group[:-1]} {label}, s" if group != "tiers" else f"tier {label}", cells, sum(cells))
    for way, count in document["moved"].items():
        yield f"  {count} clips move {way} since release {document['newest']}"


def _row(label: str, cells: list[float], total: float) -> str:
    shown = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in cells]
    parts = [
        f"{text} ({cell / total:.1%})" if total else text for text, cell in zip(shown, cells, strict=True)
    ]
    return "  " + f"{label:<22}" + "".join(f"{part:>18}" for part in parts)


def _parsed(by: str | None) -> tuple[Kind, ...]:
    names = [name.strip() for name in (by or "").split(",") if name.strip()]
    unknown = [name for name in names if name not in _KINDS]
    if unknown or (by is not None and not names):
        raise click.BadParameter(
            f"{unknown[0] if unknown else by!r} is not one of {', '.join(_KINDS)}", param_hint="--by"
        )
    return tuple(Kind(name) for name in names)


def _lines(report: LeakReport) -> Iterator[str]:
    total = sum(report.sizes.values())
    sizes = ", ".join(f"{split} {count} clips" for split, count in report.sizes.items())
    yield f"{report.name}: {sizes}"
    if len(report.sizes) < 2:
        yield "  one split only: there is nothing to compare it with"
    for kind in Kind:
        unknown, counts = report.unknown.get(kind, 0), report.counts(kind)
        if unknown == total and kind is Kind.CHOREOGRAPHY:
            continue  # a matter of AIST++ only
        found = ", ".join(f"{n} of {report.sizes[split]} {split} clips leak" for split, n in counts.items())
        parts = [found or "no leaks"] if unknown < total else []
        parts += [f"unknown for {unknown} of {total} clips"] if unknown else []
        parts += ["reported only"] if counts and kind not in report.failing else []
        yield f"  {kind.value:<13} {'; '.join(parts)}"
    for leak in report.leaks:
        yield f"  {_sentence(leak)}"


def _sentence(leak: Leak) -> str:
    if leak.kind is Kind.CLIP:
        times = ", ".join(f"{len(ids)} × {split}" for split, ids in leak.shared[0].clips.items())
        return f"{leak.clip_id} is listed more than once: {times}"
    shares = "; ".join(
        f"{each.kind.value} {each.key} with {split} {_named(each.clips[split])}"
        for each in leak.shared
        for split in leak.others
        if split in each.clips
    )
    return f"{leak.clip_id} ({leak.split}) shares {shares}"


def _named(clips: tuple[str, ...]) -> str:
    more = len(clips) - _NAMED
    return " ".join(clips[:_NAMED]) + (f" and {more} more" if more > 0 else "")
