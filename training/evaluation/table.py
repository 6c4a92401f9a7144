"""Writes the comparison as Markdown, CSV, JSON and LaTeX: one row per model, the ground truth first."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.evaluation.comparison import (
    ARROWS,
    DESCRIPTIONS,
    LEGEND,
    Comparison,
    Row,
    best,
    groups,
    undefined,
)
from training.evaluation.published import CAVEAT, NOT_TOLD, TITLES
from training.metrics.nearest import Neighbour
from training.metrics.score import Interval

SHOWN = 3
"""Motions that a line of the protocol names; JSON lists all of them."""


def decimals(value: float) -> str:
    """Returns the format that shows about four digits, at most three of them after the point."""
    size = abs(value)
    if size >= 1e6 or 0 < size < 5e-4:
        return ".2e"
    return f",.{0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3}f"


class _Footnotes:
    """Letters for the flags of numbers, in the order of their appearance."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def mark(self, flag: str) -> str:
        """Returns the letters of all parts of a flag, separated by commas."""
        parts = [part for part in flag.split("; ") if part]
        for part in parts:
            self.texts.setdefault(part, _letters(len(self.texts)))
        return ",".join(self.texts[part] for part in parts)


def _letters(number: int) -> str:
    head, tail = divmod(number, 26)
    return (_letters(head - 1) if head else "") + chr(ord("a") + tail)


def _cell(number: Interval | None) -> tuple[str, str]:
    """Value and interval as text."""
    if number is None or undefined(number):
        return "–", ""
    form = decimals(number.value)
    interval = f"[{number.low:{form}}, {number.high:{form}}]" if number.low < number.high else ""
    return f"{number.value:{form}}", interval


def _head(key: str) -> str:
    described = DESCRIPTIONS[key]
    unit = f" ({described.unit})" if described.unit else ""
    return f"{described.title}{unit} {ARROWS[described.better]}"


def _rows(comparison: Comparison, keys: Sequence[str]) -> list[Row]:
    """Rows with a number in one of the columns; measured rows are always shown."""
    return [row for row in comparison.rows if row.kind != "paper" or any(key in row.numbers for key in keys)]


def written(path: Path) -> str:
    """Returns a table that was written to a file."""
    return path.read_text(encoding="utf-8")


# -- Markdown


def markdown(comparison: Comparison, chosen: Sequence[str] = ()) -> str:
    """Writes a table for each group of columns, the footnotes and the protocol.

    Args:
        comparison: the comparison.
        chosen: columns to show, in one table; empty shows all, in groups.
    """
    notes = _Footnotes()
    lines: list[str] = []
    for title, keys in groups(comparison, chosen).items():
        lines += [f"**{title}**", ""] if title else []
        lines += _markdown_table(comparison, keys, notes)
        lines.append("")
    lines += [f"{LEGEND}. In brackets: 95 % intervals." + _bold_note(comparison), ""]
    lines += [f"<sup>{letter}</sup> {text}  " for text, letter in notes.texts.items()]
    lines += [""] * bool(notes.texts)
    if comparison.published:
        lines += [_printed(comparison), ""]
    lines += [f"{row}: {clip} was left out, {reason}  " for row, clip, reason in _left_out(comparison)]
    lines += [f"{line}  " for line in copying_lines(comparison)]
    lines += [f"Protocol: {line}  " for line in protocol_lines(comparison)]
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(comparison: Comparison, keys: Sequence[str], notes: _Footnotes) -> list[str]:
    winners = {key: best(comparison, key) for key in keys}
    lines = [
        "| | " + " | ".join(_head(key) for key in keys) + " |",
        "|---|" + "---:|" * len(keys),
    ]
    for row in _rows(comparison, keys):
        cells = []
        for key in keys:
            number = row.numbers.get(key)
            value, interval = _cell(number)
            value = f"**{value}**" if winners[key] == row.name else value
            mark = notes.mark(number.flag) if number else ""
            cells.append(
                value + (f" {interval}" if interval else "") + (f"<sup>{mark}</sup>" if mark else "")
            )
        name = row.name.replace("|", "\\|")
        lines.append(f"| {f'*{name}*' if row.kind == 'paper' else name} | " + " | ".join(cells) + " |")
    return lines


def _printed(comparison: Comparison) -> str:
    """The sources of the printed rows, and how to read them."""
    titles = dict.fromkeys(number.source.title for number in comparison.published)
    return f"Printed rows: {'; '.join(titles)}. {CAVEAT}"


def _bold_note(comparison: Comparison) -> str:
    return " Bold: best model." if len(comparison.models) > 1 else ""


def _left_out(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(out.row, out.clip, out.reason) for out in comparison.left_out]


def copying_lines(comparison: Comparison) -> list[str]:
    """Returns what the dances resemble among the training clips: every copy by name, or the nearest dance."""
    found = comparison.copying
    if found is None:
        return []
    own = found.threshold
    rule = (
        f"{own.clips} training clips with unrelated others are too few to say what a copy is"
        if own.distance is None
        else f"a dance within {own.distance:.2f} cm of them is a copy (half the median distance of training "
        f"clips to unrelated others; {own.within} of {own.clips} are as near)"
    )
    lines = [f"Training: {found.clips} clips; {rule}"]
    for row, neighbours in found.nearest.items():
        copies = found.copies(row)
        lines += [f"{row}: copy of a training clip, {_resemblance(one)}" for one in copies]
        if neighbours and not copies:
            nearest = min(neighbours, key=lambda one: one.distance)
            lines.append(f"{row}: nearest to a training clip, {_resemblance(nearest)}")
    return lines


def _resemblance(one: Neighbour) -> str:
    image = " mirrored" if one.mirrored else ""
    return (
        f"{one.dance}: {one.distance:.2f} cm on average; at {one.at:.1f} s {one.closest:.2f} cm from "
        f"{one.clip}{image} at {one.clip_at:.1f} s"
    )


def protocol_lines(comparison: Comparison) -> list[str]:
    """Returns the protocol in a few lines: what readers need in order to compare numbers."""
    shared = comparison.protocol
    lines = [
        f"mode {shared['mode']}; {shared['axes']}; seed {shared['seed']}; "
        + ", ".join(f"{name} {number}" for name, number in shared["versions"].items())
    ]
    for row in comparison.measured:
        own = shared["rows"][row.name]
        frames = own["frames"]
        length = f"{frames['least']}–{frames['most']}" if frames["least"] < frames["most"] else frames["most"]
        resampled = f", resampled from {own['resampled_from']}" if own.get("resampled_from") else ""
        fps = " and ".join(f"{rate:g}" for rate in own["fps"])
        lines.append(f"{row.name}: {own['motions']} motions of {length} frames at {fps} fps{resampled}")
        if unheard := own.get("without_music"):
            some = ", ".join(unheard[:SHOWN]) + (", …" if len(unheard) > SHOWN else "")
            lines.append(
                f"{row.name}: the music of {len(unheard)} of {own['motions']} motions is unknown, so they "
                f"have no beat metrics: {some}"
            )
        lines += [
            f"{row.name}: {read['motions']} read as {read['summary']}" for read in own.get("read_as", ())
        ]
    return lines


# -- LaTeX


_LATEX = str.maketrans(
    {
        "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
        "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\rightarrow$", "∞": r"$\infty$",
        "⁻": r"\textsuperscript{-}", "²": r"\textsuperscript{2}", "³": r"\textsuperscript{3}",
        "⁴": r"\textsuperscript{4}", "–": "--", "−": "$-$",
    }
)  # fmt: skip


def escaped(text: str) -> str:
    """Returns text as LaTeX."""
    return text.translate(_LATEX)


def latex(comparison: Comparison, chosen: Sequence[str] = ()) -> str:
    """Writes a `tabular` for each group of columns (package booktabs), with the protocol as comments."""
    notes = _Footnotes()
    lines = [f"% {line}" for line in protocol_lines(comparison)]
    for title, keys in groups(comparison, chosen).items():
        lines += ["", f"% {title}"] if title else [""]
        lines += [rf"\begin{{tabular}}{{l{'r' * len(keys)}}}", r"\toprule"]
        heads = (re.sub(r"\\_([kg])", r"$_{\1}$", _head(key).translate(_LATEX)) for key in keys)
        lines.append(" & ".join(["", *heads]) + r" \\")
        lines.append(r"\midrule")
        winners = {key: best(comparison, key) for key in keys}
        last = "real"
        for row in _rows(comparison, keys):
            if row.kind != last:
                lines.append(r"\midrule")
                last = row.kind
            cells = [_latex_cell(row.numbers.get(key), winners[key] == row.name, notes) for key in keys]
            lines.append(" & ".join([row.name.translate(_LATEX), *cells]) + r" \\")
        lines += [r"\bottomrule", r"\end{tabular}"]
    if comparison.published:
        notes.mark(_printed(comparison).replace("; ", ", "))
    if notes.texts:
        lines += ["", r"\par\footnotesize"]
        lines += [rf"$^{{{letter}}}$ {text.translate(_LATEX)}\\" for text, letter in notes.texts.items()]
    return "\n".join(lines) + "\n"


def _latex_cell(number: Interval | None, wins: bool, notes: _Footnotes) -> str:
    value, interval = (
        text.translate(_LATEX).replace("[-", "[$-$").replace(", -", ", $-$") for text in _cell(number)
    )
    value = f"$-${value[1:]}" if value.startswith("-") and value != "--" else value
    value = rf"\textbf{{{value}}}" if wins else value
    mark = notes.mark(number.flag) if number else ""
    return value + (rf" {{\scriptsize {interval}}}" if interval else "") + (f"$^{{{mark}}}$" if mark else "")


# -- CSV and JSON


def csv_text(comparison: Comparison, chosen: Sequence[str] = ()) -> str:
    """Writes one row per model, four columns per metric: value, low, high, flag. Undefined: empty."""
    keys = [key for some in groups(comparison, chosen).values() for key in some]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    ends = ("", "_low", "_high", "_flag")
    writer.writerow(["name", "kind", *(key + end for key in keys for end in ends)])
    for row in comparison.rows:
        cells: list[object] = [row.name, row.kind]
        for key in keys:
            number = row.numbers.get(key)
            if number is None or undefined(number):
                cells += ["", "", "", number.flag if number else ""]
            else:
                cells += [number.value, number.low, number.high, number.flag]
        writer.writerow(cells)
    return file.getvalue()


def plain(number: Interval) -> dict[str, Any]:
    """Returns a number as plain data; `value` is None where nothing was measured."""
    if undefined(number):
        return {"value": None, "low": None, "high": None, "flag": number.flag}
    return {"value": number.value, "low": number.low, "high": number.high, "flag": number.flag}


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Returns the comparison as plain data."""
    return {
        "protocol": comparison.protocol,
        "columns": {
            key: {"title": d.title, "unit": d.unit, "better": d.better}
            for key, d in DESCRIPTIONS.items()
            if any(key in row.numbers for row in comparison.measured)
        },
        "table": {
            row.name: {"kind": row.kind} | {key: plain(number) for key, number in row.numbers.items()}
            for row in comparison.rows
        },
        "validity": {
            name: [
                {"clip": f.clip, "mistake": str(f.mistake), "evidence": f.evidence, "advice": f.advice}
                for f in found
            ]
            for name, found in comparison.findings.items()
        },
        "left_out": [{"row": r, "clip": c, "reason": why} for r, c, why in _left_out(comparison)],
    } | _optional(comparison)


def _optional(comparison: Comparison) -> dict[str, Any]:
    """The parts of a document that were asked for."""
    parts: dict[str, Any] = {"published": _published(comparison)} if comparison.published else {}
    if (found := comparison.copying) is not None:
        parts["training"] = {
            "clips": found.clips,
            "threshold_cm": found.threshold.distance,
            "threshold_from_clips": found.threshold.clips,
            "training_clips_within_threshold": found.threshold.within,
            "nearest": {row: [asdict(one) for one in some] for row, some in found.nearest.items()},
            "copies": {row: [one.dance for one in found.copies(row)] for row in found.nearest},
        }
    return parts


def _published(comparison: Comparison) -> dict[str, Any]:
    """The printed numbers that were asked for, with all that is known of their protocols."""
    return {
        "caveat": CAVEAT,
        "numbers": [
            {
                "source": n.source.name,
                "title": n.source.title,
                "read": n.source.read,
                "model": n.model,
                "dataset": n.dataset,
                "metric": n.metric,
                "value": n.value,
                "deviation": n.deviation,
                "runs": n.runs,
                "protocol": {name: getattr(n.protocol, name) or NOT_TOLD for name in TITLES},
                "note": n.note,
            }
            for n in comparison.published
        ],
    }


def json_text(comparison: Comparison, chosen: Sequence[str] = ()) -> str:
    """Writes `comparison_document`, always with all columns."""
    return json.dumps(comparison_document(comparison), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


WRITERS: dict[str, Callable[[Comparison, Sequence[str]], str]] = {
    ".md": markdown,
    ".csv": csv_text,
    ".json": json_text,
    ".tex": latex,
}
"""Suffix of the file name → function that writes the table."""
