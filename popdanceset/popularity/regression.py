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
    """A coefficient, and Student's t test whether it differs from 0.

    Attributes:
        coefficient: the estimate.
        standard_error: standard error of the estimate.
        t_value: coefficient / standard_error.
        p_value: two-sided, with the degrees of freedom of the residuals.
        confidence_interval: lower and upper end of the 95 % confidence interval.
    """

    coefficient: float
    standard_error: float
    t_value: float
    p_value: float
    confidence_interval: tuple[float, float]

    def as_document(self) -> dict[str, float]:
        """Returns plain data for JSON, under the keys that fit documents have always had."""
        low, high = self.confidence_interval
        return {
            "coef": self.coefficient,
            "se": self.standard_error,
            "t": self.t_value,
            "p": self.p_value,
            "low": low,
            "high": high,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, float]) -> Term:
        """Reads what `as_document` returned; raises KeyError if a key is missing."""
        interval = document["low"], document["high"]
        return cls(document["coef"], document["se"], document["t"], document["p"], interval)


@dataclass(frozen=True)
class Regression:
    """A fitted regression with its diagnostics.

    Attributes:
        n: number of points.
        r2: coefficient of determination.
        r2_adjusted: coefficient of determination, adjusted for the number of terms.
        degrees_of_freedom: of the residuals.
        residual_se: standard error of the residuals.
        terms: `bias` first, then the predictors.
        vif: variance inflation factor of each predictor.
        condition_number: of the design matrix, including the bias.
        residuals: tests of the residuals, name → {statistic, p}: Breusch-Pagan (homoscedasticity) and
            Jarque-Bera (normality).
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
        """Returns plain data for JSON."""
        return asdict(self) | {"terms": {name: term.as_document() for name, term in self.terms.items()}}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Regression:
        """Reads what `as_document` returned; raises KeyError or TypeError if the document is damaged."""
        terms = {name: Term.from_document(term) for name, term in document["terms"].items()}
        return cls(**{**document, "terms": terms})


@dataclass(frozen=True)
class Elimination:
    """The first and the final regression, and the terms dropped between them, in order.

    The confidence intervals of the first regression have their nominal coverage. Those of the final one treat
    its terms as given, although the same data selected them, and are too narrow where a weak term was
    dropped.
    """

    first: Regression
    dropped: tuple[str, ...]
    final: Regression


def regress(
    response: Floats, predictors: Floats, names: Sequence[str], errors: Errors = "ordinary"
) -> Regression:
    """Regresses the response on the predictors and a bias by ordinary least squares.

    Args:
        response: (n,).
        predictors: (n, k).
        names: k names.
        errors: ordinary standard errors, or HC3 (MacKinnon & White 1985), which hold under
            heteroscedasticity too.

    Raises:
        InputError: too few points, linearly dependent predictors, or a response without residuals.
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
            f"take a larger sample, or leave it out (popularity.without={names[dependent - 1]})",
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
        {
            name: Term(coefficient, standard_error, t_value, p_value, (low, high))
            for name, (coefficient, standard_error, t_value, p_value, low, high) in zip(
                (BIAS, *names), numbers.tolist(), strict=True
            )
        },
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
    """Fits a regression and drops the terms whose p value is not below alpha.

    `stepwise` drops the term with the largest p value and fits again, until every p < alpha; `joint` drops
    all such terms of the first regression at once, as the paper does with coin and comment. The bias is
    always kept.

    Raises:
        InputError: as `regress`.
    """
    first = final = regress(response, predictors, names, errors)
    kept = list(names)
    dropped: list[str] = []
    while weak := [name for name in kept if final.terms[name].p_value >= alpha]:
        weak.sort(key=lambda name: -final.terms[name].p_value)
        leaving = weak[:1] if elimination == "stepwise" else weak
        dropped += leaving
        kept = [name for name in kept if name not in leaving]
        columns = [names.index(name) for name in kept]
        final = regress(response, predictors[:, columns], kept, errors)
        if elimination == "joint":
            break
    return Elimination(first, tuple(dropped), final)


def cautions(regression: Regression, alpha: float, errors: Errors = "ordinary") -> tuple[str, ...]:
    """Returns warnings about violated assumptions, and what to do about them.

    They are part of a fit's document, which determines its id: a changed wording gives the same fit a new id.

    Args:
        regression: the final one.
        alpha: level of the residual tests.
        errors: method by which its standard errors were computed.
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
    """Returns the variance inflation factors, (k,): the diagonal of the inverse correlation matrix."""
    if predictors.shape[1] < 2:
        return np.ones(predictors.shape[1])
    factors: Floats = np.diag(np.linalg.inv(np.corrcoef(predictors, rowvar=False)))
    return factors


def _residual_tests(residuals: Floats, basis: Floats) -> dict[str, dict[str, float]]:
    """Tests the residuals, (n,); `basis`, (n, k + 1), is an orthonormal basis of the design matrix's
    columns.
    """
    squares = residuals**2
    explained = ((basis.T @ squares) ** 2).sum() - squares.sum() ** 2 / len(squares)
    # Koenker's form of the test of Breusch and Pagan: n times the R² of the squares on the predictors. With
    # the bias alone the spread cannot depend on anything.
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
    """Returns the first column that depends linearly on those before it; None if there is none.

    Args:
        triangle: (k + 1, k + 1), from the QR decomposition of a design matrix, which has the same singular
            values.
        n: rows of that matrix.
    """
    for column in range(1, len(triangle) + 1):
        values = np.linalg.svd(triangle[:column, :column], compute_uv=False)
        if values[-1] <= values[0] * n * np.finfo(np.float64).eps:
            return column - 1
    return None
