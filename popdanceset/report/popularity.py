"""The popularity part of the report: the fit beside the paper's, and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from popdanceset.errors import SchemaError
from popdanceset.manifest import Manifest, read_manifest
from popdanceset.popularity import figures
from popdanceset.popularity.model import PAPER_TABLE_6, fit_name
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.popularity.regression import Regression, Term
from popdanceset.popularity.terms import LABELS
from popdanceset.report.content import Content
from popdanceset.report.svg import Drawing, drawing
from popdanceset.schema import COUNTS
from popdanceset.settings import Settings
from popdanceset.store import Store

TINTS: Mapping[str, str] = {
    figures.INK: "currentColor",
    figures.SOFT: "var(--soft)",
    figures.GRID: "var(--line)",
}
"""How the figures' greys follow the page's light or dark."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A term of the regression.

    Attributes:
        label: the term's name for readers.
        first: in the regression on all counts.
        paper: 95 % interval of the paper's Table 6.
        final: in the regression that gives Pop; None if the t tests dropped the term.
    """

    label: str
    first: Term
    paper: tuple[float, float] | None
    final: Term | None


@dataclass(frozen=True, slots=True)
class Popularity:
    """What the report says of the popularity model.

    Attributes:
        name: id of the fit, or name of the approximation; empty if it cannot be told.
        threshold: of Pop.
        n, r2: of the final regression; None without a fit.
        coefficients: first regression, bias first; empty without a fit.
        warnings: of the fit.
        figures: normalisation, coefficients, residuals, histogram, Pop against views, as far as they can be
            drawn.
    """

    name: str
    threshold: float
    n: int | None
    r2: float | None
    coefficients: tuple[Coefficient, ...]
    warnings: tuple[str, ...]
    figures: tuple[Drawing, ...]


def manifest_of(settings: Settings, name: str) -> Manifest | None:
    """The manifest, None if its folder is not there.

    Raises:
        ManifestError: it cannot be read.
    """
    folder = Path(settings.manifests, name)
    return read_manifest(folder) if folder.is_dir() else None


def read_popularity(
    store: Store, settings: Settings, content: Content, manifest: Manifest | None
) -> Popularity:
    """The fit that the manifest names; without a manifest, the store's fit if it has just one.

    Raises:
        SchemaError: the fit's document is damaged.
    """
    provenance = manifest.provenance if manifest else {}
    threshold = float(provenance.get("thresholds", {}).get("min_pop", settings.popularity.min_pop))
    model = provenance.get("model", {})
    fits = store.list("popularity", ".json")
    name = str(
        model.get("name")
        or (fits[0].removeprefix("popularity/").removesuffix(".json") if len(fits) == 1 else "")
    )
    document = store.read_json(fit_name(name)) if name and store.exists(fit_name(name)) else None
    try:
        return _told(content, name, threshold, model, document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SchemaError(f"is no fit: {error!r}", fit_name(name), "run `popdanceset fit` again") from error


def _told(
    content: Content,
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
        figures=tuple(
            _figures(content, threshold, reference, first, document["points"] if document else None)
        ),
    )


def _figures(
    content: Content,
    threshold: float,
    reference: Mapping[str, float],
    first: Regression | None,
    points: Mapping[str, Sequence[float]] | None,
) -> list[Drawing]:
    drawn = []
    if set(COUNTS) <= set(reference) and len(content.statistics):
        figure = figures.normalisation_figure(content.statistics, LogNormaliser(dict(reference)))
        drawn.append((figure, "Counts of every video. Boxes: quartiles; whiskers: 5 % and 95 %"))
    if first:
        figure = figures.coefficients_figure(first)
        drawn.append((figure, "Coefficients of the regression on all seven counts"))
    if points:
        figure = figures.residuals_figure(np.array(points["predicted"]), np.array(points["residual"]))
        drawn.append((figure, "Residuals of the regression that gives Pop"))
    pop = content.selection["pop"].to_numpy(zero_copy_only=False).astype(float)
    drawn.append((figures.pop_histogram(pop, threshold), "Pop of every video, with the threshold"))
    figure = figures.pop_against_views(content.selection, threshold)
    drawn.append((figure, "Pop against views, and what the rules decided"))
    return [drawing(figure, caption, TINTS) for figure, caption in drawn]
