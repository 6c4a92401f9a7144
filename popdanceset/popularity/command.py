"""`popdanceset fit` and `popdanceset select`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values

if TYPE_CHECKING:
    from popdanceset.popularity.fit import Fit
    from popdanceset.settings import Settings

_statistics = click.option(
    "--statistics",
    metavar="FILE_OR_STORE",
    help="Parquet or CSV file, or a store's address (default: the store).",
)


@click.command()
@with_settings
@_statistics
@click.option("--sample", metavar="N", help="Size of the founding sample; `all` takes every complete video.")
@click.option("--seed", type=int, help="Seed of the founding sample.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the fit to this file too."
)
def fit(
    settings: Settings, statistics: str | None, sample: str | None, seed: int | None, out: Path | None
) -> None:
    """Fit the popularity model: log normalisation, regression, t tests, second regression."""
    from popdanceset.popularity.fit import fit as run
    from popdanceset.popularity.statistics import read_statistics
    from popdanceset.store import Store

    size = "0" if sample == "all" else sample
    settings = with_values(settings, "popularity", sample=size, seed=seed)
    result = run(settings, Store(settings.store), read_statistics(statistics or settings.store))
    if out is not None:
        Store(out.absolute().parent).write_json(out.name, result.document)
    click.echo(_table(result))


@click.command()
@with_settings
@_statistics
@click.option(
    "--model",
    required=True,
    metavar="FILE|ID|paper-midpoints",
    help="A fit's file or id, or paper-midpoints.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of the manifest: manifests/NAME."
)
def select(settings: Settings, statistics: str | None, model: str, out: Path) -> None:
    """Select popular videos into a manifest; every other video keeps a row with its reason."""
    from popdanceset.popularity.model import load_model
    from popdanceset.popularity.selection import select as run
    from popdanceset.popularity.statistics import read_statistics
    from popdanceset.store import Store

    store = Store(settings.store)
    table = read_statistics(statistics or settings.store)
    chosen = load_model(model, settings, store, table)
    settings = settings.model_copy(update={"manifests": str(out.parent)})
    report = run(settings, store, chosen, out.name, table)
    click.echo(
        f"{report.manifest}: {report.accepted} of {report.videos} videos accepted; model {chosen.name}"
    )
    for reason, count in sorted(report.reasons.items()):
        click.echo(f"  {count:>8} {reason}")


def _table(fit: Fit) -> str:
    """The first regression beside the paper's Table 6, then the second."""
    from popdanceset.popularity.model import PAPER_TABLE_6

    lines = [
        f"fit {fit.fit_id}: {fit.final.n} videos, R2 {fit.final.r2:.4f}",
        f"{'first':<10}{'coef':>10}{'se':>10}{'t':>10}{'p':>11}{'low':>10}{'high':>10}    paper's Table 6",
    ]
    for name, term in fit.first.terms.items():
        low, high = PAPER_TABLE_6[name]
        mark = "  dropped" if name in fit.dropped else ""
        lines.append(
            f"{name:<10}{term.coef:>10.4f}{term.se:>10.4f}{term.t:>10.2f}{term.p:>11.2e}{term.low:>10.4f}"
            f"{term.high:>10.4f}   {low:>7.3f} {high:>7.3f}{mark}"
        )
    lines.append("final")
    lines += [
        f"{name:<10}{term.coef:>10.4f}{term.se:>10.4f}{term.t:>10.2f}{term.p:>11.2e}{term.low:>10.4f}{term.high:>10.4f}"
        for name, term in fit.final.terms.items()
    ]
    return "\n".join(lines)
