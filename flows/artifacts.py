"""What a run shows on Prefect's page: the funnel, the figures, tables, and where the report is."""

from __future__ import annotations

from pathlib import Path

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from popdanceset.ledger import read_ledger
from popdanceset.operations.cost import hour_cost, stage_costs
from popdanceset.release.embedding import embedded_figures
from popdanceset.release.reader import Release
from popdanceset.report.data import collect
from popdanceset.schema import FPS
from popdanceset.settings import PriceSettings
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


def show_cost(store: Store, prices: PriceSettings, release: str) -> None:
    """Shows what the stages have used so far, and what an hour of the release has cost."""
    costs = stage_costs(read_ledger(store))
    if not costs:
        return
    rows = [
        {
            "stage": cost.stage,
            "processor hours": round(cost.cpu_seconds / 3600, 3),
            "GPU hours": round(cost.gpu_seconds / 3600, 3),
            "requests": cost.requests,
            "MB received": round(cost.bytes_received / 1e6, 1),
        }
        for cost in costs
    ]
    with Release(store.address_of(release)) as opened:
        hour = hour_cost(costs, opened.info.counts.frames / FPS, prices)
    text = f"What the stages have used so far. Store: {store}."
    if hour is not None:
        price = "" if hour.price is None else f", {hour.price:,.2f} {prices.currency}".rstrip()
        used = f"{hour.cpu_hours:,.2f} processor hours, {hour.gpu_hours:,.2f} GPU hours"
        text += f" An hour of {release}: {used}{price}."
    create_table_artifact(rows, key="cost", description=text)


def show_text(text: str, key: str, description: str) -> None:
    """Shows a text in Markdown."""
    create_markdown_artifact(text, key=key, description=description)
