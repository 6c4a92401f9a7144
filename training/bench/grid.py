"""Plain tables of text, as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.table import escaped


@dataclass(frozen=True)
class Grid:
    """A table: its columns, and rows of as many cells; the first column is left-aligned.

    Attributes:
        columns: heads.
        rows: cells.
        note: below it; "" for none.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """As Markdown."""

        def line(cells: Sequence[str]) -> str:
            return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

        lines = [line(self.columns), "|---|" + "---:|" * (len(self.columns) - 1), *map(line, self.rows)]
        return "\n".join([*lines, *(["", self.note] if self.note else [])]) + "\n"

    def latex(self) -> str:
        """As a `tabular` (package booktabs), with the note as a comment."""

        def line(cells: Sequence[str]) -> str:
            return " & ".join(map(escaped, cells)) + r" \\"

        lines = [
            *([f"% {self.note}"] if self.note else []),
            rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}",
            r"\toprule", line(self.columns), r"\midrule", *map(line, self.rows),
            r"\bottomrule", r"\end{tabular}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def csv(self) -> str:
        """As CSV."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return file.getvalue()
