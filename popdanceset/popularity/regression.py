"""Ordinary least squares with t tests and elimination (POPDG, Sec. 7, Table 6)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats

from popdanceset.errors import InputError
from popdanceset.popularity.terms import BIAS

Floats = NDArray[np.float64]
Manner = Literal["stepwise", "joint"]
Errors = Literal["ordinary", "HC3"]

CONFIDENCE = 0.95
HIGH_VIF = 10.0
POINTS_PER_TERM = 10


@dataclass(frozen=True)
class Term:
    """A coefficient and Student's t test of it against 0.

    Attributes:
        coef: the estimate.
        se: its standard error.
        t: coef / se.
        p: two-sided p value, with the residuals' degrees of freedom.
        low: lower end of the 95 % confidence interval.
        high: upper end.
    """

    coef: float
    se: float
    t: float
    p: float
    low: float
    high: float


@dataclass(frozen=True)
class Regression:
    """One fitted regression and what a statistician looks at before believing it.

    Attributes:
        n: number of points.
        r2: coefficient of determination.
        r2_adjusted: the same, less what more terms gain by chance.
        degrees_of_freedom: of the residuals.
        residual_se: standard error of the residuals.
        terms: `bias` first, then the predictors.
        vif: variance inflation factor of each predictor.
        condition_number: of the design matrix, bias included.
        residuals: tests of the residuals, name → {statistic, p}: Breusch-Pagan (even spread), Jarque-Bera
            (normal).
    """

    n: int
    r2: float
    r2_adjusted: float
    degrees_of_freedom: int
    residual_se: float
    terms: dict[str, Term]
    vif: dict[str, float]
    condition_number: float
    residuals: dict[str, dict[str, float]]

    def as_document(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Regression:
        """What `as_document` gave; KeyError or TypeError if it did not."""
        return cls(**{**document, "terms": {name: Term(**term) for name, term in document["terms"].items()}})


@dataclass(frozen=True)
class Elimination:
    """First and final regression, and what was dropped between them, in order.

    Intervals of the first regression cover the truth as often as they say. Those of the final one take its
    terms as given, although the same data chose them, and are too narrow where a weak term was dropped.
    """

    first: Regression
    dropped: tuple[str, ...]
    final: Regression


def regress(
    response: Floats, predictors: Floats, names: Sequence[str], errors: Errors = "ordinary"
) -> Regression:
    """Least squares of the response on the predictors and a bias.

    Args:
        response: (n,).
        predictors: (n, k).
        names: k names.
        errors: ordinary standard errors, or HC3 (MacKinnon & White 1985), which hold under
            heteroscedasticity too.

    Raises:
        InputError: too few points, predictors that depend on each other, or a response without residuals.
    """
    n, k = predictors.shape
    if n < k + 2:
        raise InputError(
            f"{n} points are too few for {k} counts", "regression", f"give at least {k + 2}, better {10 * k}"
        )
    design = np.column_stack([np.ones(n), predictors])
    basis, triangle = np.linalg.qr(design)
    dependent = _first_dependent(triangle, n)
    if dependent is not None:
        raise InputError(
            f"{names[dependent - 1]} is constant or follows from the others, so it has no coefficient",
            "regression",
            "take a larger sample",
        )
    model = sm.OLS(response, design)
    result = model.fit() if errors == "ordinary" else model.fit(cov_type="HC3", use_t=True)
    interval = result.conf_int(alpha=1 - CONFIDENCE)
    numbers = np.column_stack([result.params, result.bse, result.tvalues, result.pvalues, interval])
    if errors == "HC3" and (basis**2).sum(axis=1).max() > 1 - 1e-9:  # leverage
        raise InputError(
            "one video alone determines a coefficient, which leaves HC3 no standard error",
            "regression",
            "take a larger sample, or set popularity.errors=ordinary",
        )
    if not np.isfinite(numbers).all():
        raise InputError(
            "the response follows from the counts exactly, which leaves nothing to test",
            "regression",
            "check popularity.weights",
        )
    return Regression(
        n,
        float(result.rsquared),
        float(result.rsquared_adj),
        int(result.df_resid),
        float(np.sqrt(result.scale)),
        {name: Term(*row) for name, row in zip((BIAS, *names), numbers.tolist(), strict=True)},
        dict(zip(names, _vif(predictors).tolist(), strict=True)),
        float(result.condition_number),
        _residual_tests(np.asarray(result.resid), basis),
    )


def eliminate(
    response: Floats,
    predictors: Floats,
    names: Sequence[str],
    alpha: float = 0.05,
    elimination: Manner = "stepwise",
    errors: Errors = "ordinary",
) -> Elimination:
    """Regression, t tests, and again without the terms whose p value is not below alpha.

    `stepwise` drops the term of the largest p value, fits again, and so on until every p < alpha; `joint`
    drops all such terms of the first regression at once, as the paper does with coin and comment. The bias
    is always kept.

    Raises:
        InputError: as `regress`.
    """
    first = final = regress(response, predictors, names, errors)
    kept = list(names)
    dropped: list[str] = []
    while weak := sorted((n for n in kept if final.terms[n].p >= alpha), key=lambda n: -final.terms[n].p):
        leaving = weak[:1] if elimination == "stepwise" else weak
        dropped += leaving
        kept = [name for name in kept if name not in leaving]
        columns = [names.index(name) for name in kept]
        final = regress(response, predictors[:, columns], kept, errors)
        if elimination == "joint":
            break
    return Elimination(first, tuple(dropped), final)


def cautions(regression: Regression, alpha: float, errors: Errors = "ordinary") -> tuple[str, ...]:
    """What a statistician would object to, and what to do about it.

    Args:
        regression: the final one.
        alpha: level of the residual tests.
        errors: how its standard errors were computed.
    """
    found = []
    k = len(regression.vif)
    if regression.n < POINTS_PER_TERM * k:
        found.append(f"{regression.n} points for {k} counts are few: take a larger --sample")
    inflated = [name for name, factor in regression.vif.items() if factor > HIGH_VIF]
    if inflated:
        found.append(
            f"collinear counts ({', '.join(inflated)}; variance inflation above {HIGH_VIF:g}): their "
            "coefficients share one effect and none should be read alone; Pop, their sum, may; to tell them "
            "apart, take a larger --sample"
        )
    if regression.residuals["breusch_pagan"]["p"] < alpha and errors == "ordinary":
        found.append("the residuals' spread is uneven (Breusch-Pagan): set popularity.errors=HC3")
    if regression.residuals["jarque_bera"]["p"] < alpha and regression.n < 30 * (k + 1):
        found.append(
            "the residuals are not normal (Jarque-Bera): intervals are approximate; take a larger --sample"
        )
    return tuple(found)


def _vif(predictors: Floats) -> Floats:
    """Variance inflation factors, (k,): the diagonal of the inverse correlation matrix."""
    if predictors.shape[1] < 2:
        return np.ones(predictors.shape[1])
    factors: Floats = np.diag(np.linalg.inv(np.corrcoef(predictors, rowvar=False)))
    return factors


def _residual_tests(residuals: Floats, basis: Floats) -> dict[str, dict[str, float]]:
    """Tests of the residuals; `basis`, (n, k + 1), spans what the design matrix spans and is orthonormal."""
    squares = residuals**2
    explained = ((basis.T @ squares) ** 2).sum() - squares.sum() ** 2 / len(squares)
    # Koenker's form of the test of Breusch and Pagan: n times the R² of the squares on the predictors. With
    # the bias alone there is nothing on which the spread could depend.
    k = basis.shape[1] - 1
    uneven = max(explained, 0.0) / squares.var() if k else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        normal = stats.jarque_bera(residuals)
    return {
        "breusch_pagan": {"statistic": float(uneven), "p": float(stats.chi2.sf(uneven, k)) if k else 1.0},
        "jarque_bera": {"statistic": float(normal.statistic), "p": float(normal.pvalue)},
    }


def _first_dependent(triangle: Floats, n: int) -> int | None:
    """The first column that those before it determine, None if there is none.

    Args:
        triangle: (k + 1, k + 1), of the QR decomposition of a design matrix, whose singular values it shares.
        n: rows of that matrix.
    """
    for column in range(1, len(triangle) + 1):
        values = np.linalg.svd(triangle[:column, :column], compute_uv=False)
        if values[-1] <= values[0] * n * np.finfo(np.float64).eps:
            return column - 1
    return None
