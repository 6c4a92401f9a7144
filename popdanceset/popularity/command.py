"""`popdanceset fit`, `select`, `explain` and `drift`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from popdanceset.commands import with_settings, with_values

if TYPE_CHECKING:
    from popdanceset.popularity.drift import Drift
    from popdanceset.popularity.fit import Fit
    from popdanceset.popularity.regression import Term
    from popdanceset.settings import Settings

MODEL_HELP = "A fit's file or id, or paper-midpoints"

_statistics = click.option(
    "--statistics",
    metavar="FILE_OR_STORE",
    help="Parquet or CSV file, or the address of a store (default: the store).",
)


@click.command(short_help="Fit the popularity model: a regression with t tests.")
@with_settings
@_statistics
@click.option("--sample", metavar="N", help="Size of the founding sample; `all` uses every complete video.")
@click.option("--seed", type=int, help="Seed of the founding sample.")
@click.option(
    "--elimination",
    type=click.Choice(["stepwise", "joint"]),
    help="Drop weak terms one at a time, or all at once as in the paper.",
)
@click.option(
    "--errors",
    type=click.Choice(["ordinary", "HC3"]),
    help="Type of standard errors; HC3 is valid under heteroscedasticity.",
)
@click.option(
    "--without",
    multiple=True,
    metavar="COUNT",
    help="Leave a count out of the regression, e.g. share; may be repeated. Constant counts always are.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the fit to this file."
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the figures to this folder as PNG files.",
)
def fit(
    settings: Settings,
    statistics: str | None,
    sample: str | None,
    seed: int | None,
    elimination: str | None,
    errors: str | None,
    without: tuple[str, ...],
    out: Path | None,
    figures: Path | None,
) -> None:
    """Fit the popularity model: log normalisation, regression, t tests, second regression."""
    from popdanceset.popularity.fit import fit as run
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.store import Store

    settings = with_values(
        settings,
        "popularity",
        sample="0" if sample == "all" else sample,
        seed=seed,
        elimination=elimination,
        errors=errors,
        without=without or None,
    )
    source = open_statistics(statistics or settings.store)
    result = run(settings, Store(settings.store), source)
    if out is not None:
        Store(out.absolute().parent).write_json(out.name, result.document)
    click.echo(_table(result))
    if figures is not None:
        from popdanceset.popularity.gallery import save_figures

        for path in save_figures(figures, result, source, settings.popularity):
            click.echo(f"figure {path}")


@click.command(short_help="Write a manifest of the popular videos.")
@with_settings
@_statistics
@click.option("--model", required=True, metavar="FILE|ID|paper-midpoints", help=f"{MODEL_HELP}.")
@click.option(
    "--out",
    metavar="NAME|FOLDER",
    required=True,
    help="Manifest to write, by name or folder.",
)
def select(settings: Settings, statistics: str | None, model: str, out: str) -> None:
    """Write a manifest of popular videos; every other video gets a row with its reason."""
    from popdanceset.popularity.model import load_model
    from popdanceset.popularity.selection import select as run
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.store import Store

    store = Store(settings.store)
    source = open_statistics(statistics or settings.store)
    chosen = load_model(model, settings, store, source)
    report = run(settings, store, chosen, out, source)
    kept = f"; {report.imported} imported videos stay" if report.imported else ""
    click.echo(
        f"{report.manifest}: {report.accepted} of {report.videos} videos accepted{kept}; model {chosen.name}"
    )
    for reason, count in sorted(report.reasons.items()):
        click.echo(f"  {count:>8} {reason}")


@click.command(short_help="Show why a video is accepted or rejected.")
@with_settings
@_statistics
@click.argument("bvid")
@click.option(
    "--model", metavar="FILE|ID|paper-midpoints", help=f"{MODEL_HELP} (default: the store's newest fit)."
)
def explain(settings: Settings, statistics: str | None, bvid: str, model: str | None) -> None:
    """Show what each count contributes to a video's Pop, and why it is accepted or rejected.

    Decisions of reviewers on its clips follow, from reviews.csv of each manifest.
    """
    from popdanceset.popularity.explain import explain as run
    from popdanceset.popularity.model import load_model
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.review.explaining import review_lines
    from popdanceset.store import Store
    from popdanceset.withdrawal.tombstones import check_not_withdrawn

    check_not_withdrawn(bvid, Store(settings.store))
    try:
        source = open_statistics(statistics or settings.store)
        chosen = load_model(model, settings, Store(settings.store), source)
        click.echo(str(run(bvid, source, chosen, settings.popularity)))
    finally:  # also if there are no statistics: an imported video has none
        for line in review_lines(bvid, Path(settings.manifests).expanduser()):
            click.echo(line)


@click.command(short_help="Compare two fits: coefficients, ranks and verdicts.")
@with_settings
@_statistics
@click.argument("a", metavar="FIT_A")
@click.argument("b", metavar="FIT_B")
@click.option(
    "--figure", type=click.Path(path_type=Path, dir_okay=False), help="Write a figure to this PNG file."
)
def drift(settings: Settings, statistics: str | None, a: str, b: str, figure: Path | None) -> None:
    """Compare two fits: coefficients, ranks and verdicts on the same videos.

    FIT_A and FIT_B are a fit's file or id, or paper-midpoints.
    """
    from popdanceset.popularity.drift import drift_between
    from popdanceset.popularity.model import load_model
    from popdanceset.popularity.statistics import open_statistics
    from popdanceset.store import Store

    source = open_statistics(statistics or settings.store)
    store = Store(settings.store)
    models = [load_model(name, settings, store, source) for name in (a, b)]
    found = drift_between(models[0], models[1], source, settings.popularity)
    click.echo(_drift_table(found))
    if figure is not None:
        from popdanceset.plotting import save_png
        from popdanceset.popularity.figures import drift_figure

        save_png(drift_figure(found), figure)
        click.echo(f"figure {figure}")


def _drift_table(found: Drift) -> str:
    """Returns the coefficients side by side with their confidence intervals, and the comparison of videos."""
    head = f"{'':<10}{'A':>9}{'95 % interval':>20}{'B':>10}{'95 % interval':>20}{'change':>10}"
    lines = [
        f"A  {found.a.name}: {found.a.origin}",
        f"B  {found.b.name}: {found.b.origin}",
        f"{head}{'reference A':>14}{'reference B':>14}",
    ]
    for name, (in_a, in_b) in found.coefficients.items():
        cells = ""
        for value, model in ((in_a, found.a), (in_b, found.b)):
            interval = model.confidence_intervals.get(name) if value is not None else None
            bounds = f"{interval[0]:>10.4f}{interval[1]:>9.4f}" if interval else f"{'':>19}"
            cells += f"{'–' if value is None else f'{value:.4f}':>10}{bounds}"
        change = f"{in_b - in_a:+.4f}" if in_a is not None and in_b is not None else ""
        largest = [model.normaliser.reference.get(name) for model in (found.a, found.b)]
        scale = "".join(f"{'' if value is None else f'{value:,.0f}':>14}" for value in largest)
        lines.append(f"{name:<9}{cells}{change:>11}{scale}".rstrip())
    lines += [
        f"videos             {found.videos} that both models can score",
        f"Spearman           {found.spearman:.6f} (rank correlation of Pop)",
        f"verdicts changed   {found.gained + found.lost} ({found.changed_share:.2%})",
        f"accepted by B only {found.gained}",
        f"accepted by A only {found.lost}",
    ]
    return "\n".join(lines)


def _table(fit: Fit) -> str:
    """Returns the first regression next to the paper's Table 6, then the final one."""
    from popdanceset.popularity.model import PAPER_TABLE_6

    lines = [
        f"fit {fit.fit_id}: {fit.final.n} videos, R2 {fit.final.r2:.4f}",
        f"{'first':<10}{'coef':>10}{'se':>10}{'t':>10}{'p':>11}{'low':>10}{'high':>10}    paper's Table 6",
    ]
    for name, term in fit.first.terms.items():
        low, high = PAPER_TABLE_6[name]
        mark = "  dropped" if name in fit.dropped else ""
        lines.append(f"{_term_cells(name, term)}   {low:>7.3f} {high:>7.3f}{mark}")
    lines += [f"{name:<10}left out" for name in fit.left_out]
    lines.append("final")
    lines += [
        _term_cells(name, term)
        + (f"    variance inflation {fit.final.vif[name]:.1f}" if name in fit.final.vif else "")
        for name, term in fit.final.terms.items()
    ]
    tests = fit.final.residuals
    lines.append(
        f"condition number {fit.final.condition_number:.1f}; residuals: Breusch-Pagan "
        f"p {tests['breusch_pagan']['p']:.2g}, Jarque-Bera p {tests['jarque_bera']['p']:.2g}"
    )
    return "\n".join(lines)


def _term_cells(name: str, term: Term) -> str:
    low, high = term.confidence_interval
    return (
        f"{name:<10}{term.coefficient:>10.4f}{term.standard_error:>10.4f}{term.t_value:>10.2f}"
        f"{term.p_value:>11.2e}{low:>10.4f}{high:>10.4f}"
    )
