"""The popularity section of the report: the fit compared with the paper's, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from popdanceset import layout, plotting
from popdanceset.errors import SchemaError
from popdanceset.manifest import Manifest
from popdanceset.popularity import figures
from popdanceset.popularity.model import PAPER_TABLE_6
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.regression import Regression, Term
from popdanceset.popularity.terms import LABELS
from popdanceset.report.data import ReportData
from popdanceset.report.svg import Drawing, drawing
from popdanceset.schema import COUNTS
from popdanceset.settings import Settings
from popdanceset.store import Store

TINTS: Mapping[str, str] = {
    plotting.INK: "currentColor",
    plotting.SOFT: "var(--soft)",
    plotting.GRID: "var(--line)",
}
"""CSS colours that replace the figures' greys, so that they follow the page's light or dark theme."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A term of the regression.

    Attributes:
        label: name of the term in the report.
        first: the term in the regression on all counts.
        paper: 95 % interval in the paper's Table 6.
        final: the term in the regression that predicts Pop; None if the t tests dropped it.
    """

    label: str
    first: Term
    paper: tuple[float, float] | None
    final: Term | None


@dataclass(frozen=True, slots=True)
class Popularity:
    """What the report shows of the popularity model.

    Attributes:
        name: id of the fit, or name of the approximation; empty if it is not known.
        threshold: of Pop.
        n, r2: number of videos and R² of the final regression; None without a fit.
        coefficients: of the first regression, bias first; empty without a fit.
        warnings: of the fit.
        figures: normalisation, coefficients, residuals, histogram, Pop against views, as far as the data for
            them exist.
    """

    name: str
    threshold: float
    n: int | None
    r2: float | None
    coefficients: tuple[Coefficient, ...]
    warnings: tuple[str, ...]
    figures: tuple[Drawing, ...]


def read_popularity(
    store: Store, settings: Settings, data: ReportData, manifest: Manifest | None
) -> Popularity:
    """Reads the fit that the manifest names; without a manifest, the store's fit if it has exactly one.

    Raises:
        SchemaError: the document of the fit is damaged.
    """
    provenance = manifest.provenance if manifest else {}
    threshold = float(provenance.get("thresholds", {}).get("min_pop", settings.popularity.min_pop))
    model = provenance.get("model", {})
    fits = store.list(layout.FITS, layout.JSON)
    name = str(model.get("name") or (layout.stem(fits[0]) if len(fits) == 1 else ""))
    file = layout.fit(name)
    document = store.read_json(file) if name and store.exists(file) else None
    try:
        return _popularity(data, name, threshold, model, document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SchemaError(f"is not a fit: {error!r}", file, "run `popdanceset fit` again") from error


def _popularity(
    data: ReportData,
    name: str,
    threshold: float,
    model: Mapping[str, Any],
    document: Mapping[str, Any] | None,
) -> Popularity:
    first = final = None
    coefficients: tuple[Coefficient, ...] = ()
    reference = model.get("reference", {})
    if document:
        first, final = (Regression.from_document(document[key]) for key in ("first", "final"))
        reference = document["reference"]
        coefficients = tuple(
            Coefficient(LABELS.get(term, term), found, PAPER_TABLE_6.get(term), final.terms.get(term))
            for term, found in first.terms.items()
        )
    return Popularity(
        name=name,
        threshold=threshold,
        n=final.n if final else None,
        r2=final.r2 if final else None,
        coefficients=coefficients,
        warnings=tuple(document["warnings"]) if document else (),
        figures=tuple(_figures(data, threshold, reference, first, document["points"] if document else None)),
    )


def _figures(
    data: ReportData,
    threshold: float,
    reference: Mapping[str, float],
    first: Regression | None,
    points: Mapping[str, Sequence[float]] | None,
) -> list[Drawing]:
    drawn = []
    if (first or set(COUNTS) <= set(reference)) and len(data.statistics):
        figure = figures.normalisation_figure(data.statistics, LogNormaliser(dict(reference)))
        drawn.append((figure, "Counts of every video. Boxes: quartiles; whiskers: 5 % and 95 %"))
    if first:
        figure = figures.coefficients_figure(first)
        drawn.append((figure, "Coefficients of the regression on all seven counts"))
    if points:
        figure = figures.residuals_figure(np.array(points["predicted"]), np.array(points["residual"]))
        drawn.append((figure, "Residuals of the regression that predicts Pop"))
    pop = data.selection["pop"].to_numpy(zero_copy_only=False).astype(float)
    drawn.append((figures.pop_histogram(pop, threshold), "Pop of every video, with the threshold"))
    figure = figures.pop_against_views(data.selection, threshold)
    drawn.append((figure, "Pop against views, and what the rules decided"))
    return [drawing(figure, caption, TINTS) for figure, caption in drawn]
