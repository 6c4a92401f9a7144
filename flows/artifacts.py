"""What a run shows on Prefect's page: the funnel, the figures, tables, and where the report is."""

from __future__ import annotations

from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from popdanceset.release.embedding import embedded_figures
from popdanceset.report.data import collect
from popdanceset.store import Store
from popdanceset.wording import counted

LARGEST_FIGURE = 300_000
"""Bytes of an embedded figure. Prefect keeps it in its database and has no other place for it."""


def show_funnel(store: Store, manifest: str, release: str) -> None:
    """Shows what each stage left over, and what it rejected and why."""
    rows = [
        {
            "stage": stage.name,
            "left": counted(stage.count, stage.unit.removesuffix("s")),
            "minutes": round(stage.seconds / 60, 1),
            "waiting": stage.waiting,
            "rejected": ", ".join(f"{reason} {count}" for reason, count in (*stage.losses, *stage.trimmed)),
        }
        for stage in collect(store, manifest, release).stages
    ]
    create_table_artifact(rows, key="funnel", description=f"What became of the videos, up to {release}.")


def show_stored_file(store: Store, name: str, key: str, description: str) -> None:
    """Links a file of the store."""
    address = Path(store.address_of(name)).as_uri() if store.is_local else f"{store}/{name}"
    create_link_artifact(address, link_text=name, key=key, description=f"{description} {address}")


def show_figures(store: Store, release: str) -> None:
    """Shows the figures of a release's card."""
    figures = embedded_figures(store, release, LARGEST_FIGURE)
    if figures:
        text = "\n\n".join(f"![{name}]({address})" for name, address in figures.items())
        create_markdown_artifact(text, key="figures", description=f"Figures of {release}.")


def show_text(text: str, key: str, description: str) -> None:
    """Shows a text in Markdown."""
    create_markdown_artifact(text, key=key, description=description)
