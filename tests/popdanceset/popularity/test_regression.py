import json

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.stattools import jarque_bera

from popdanceset.errors import InputError
from popdanceset.popularity.regression import Regression, cautions, eliminate, regress
from popdanceset.schema import COUNTS

NAMES = ("a", "b", "c")


def data(seed: int, n: int = 60, k: int = 3) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, k)) @ rng.normal(size=(k, k)) + rng.normal(size=k)
    return x @ rng.normal(size=k) + 0.3 + rng.normal(size=n) * rng.uniform(0.01, 1), x


@pytest.mark.parametrize("seed", range(50))
def test_agrees_with_linear_algebra_and_the_t_distribution(seed: int) -> None:
    """Independent calculation: numpy's least squares, textbook standard errors, scipy's Student t."""
    rng = np.random.default_rng(1000 + seed)
    n, k = int(rng.integers(12, 200)), int(rng.integers(1, 8))
    y, x = data(seed, n, k)
    names = [f"x{i}" for i in range(k)]
    result = regress(y, x, names)

    design = np.column_stack([np.ones(n), x])
    coefficients, residual, _, singular = np.linalg.lstsq(design, y, rcond=None)
    freedom = n - k - 1
    errors = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * residual[0] / freedom)
    t = coefficients / errors
    width = stats.t.ppf(0.975, freedom) * errors
    expected = np.column_stack(
        [coefficients, errors, t, 2 * stats.t.sf(abs(t), freedom), coefficients - width, coefficients + width]
    )
    ours = np.array(
        [
            [v.coefficient, v.standard_error, v.t_value, v.p_value, *v.confidence_interval]
            for v in result.terms.values()
        ]
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
    assert list(result.terms) == ["bias", *names]
    assert result.r2 == pytest.approx(1 - residual[0] / ((y - y.mean()) ** 2).sum(), abs=1e-9)
    assert result.condition_number == pytest.approx(singular[0] / singular[-1], rel=1e-9)
    assert (result.n, result.degrees_of_freedom) == (n, freedom)
    assert result.residual_se == pytest.approx(np.sqrt(residual[0] / freedom), rel=1e-9)


def test_agrees_with_the_summary_of_statsmodels() -> None:
    y, x = data(7)
    summary = sm.OLS(y, sm.add_constant(x)).fit().summary(xname=["bias", *NAMES]).tables[1].data
    result = regress(y, x, NAMES)
    for name, coef, se, t, p, low, high in summary[1:]:
        term = result.terms[name]
        assert [
            f"{v:.3f}" for v in (term.standard_error, term.t_value, term.p_value, *term.confidence_interval)
        ] == [f"{float(v):.3f}" for v in (se, t, p, low, high)]
        assert term.coefficient == pytest.approx(float(coef), abs=1e-4)


def test_inflation_is_the_regression_of_one_predictor_on_the_others() -> None:
    y, x = data(3)
    for column, name in enumerate(NAMES):
        others = np.delete(x, column, axis=1)
        r2 = sm.OLS(x[:, column], sm.add_constant(others)).fit().rsquared
        assert regress(y, x, NAMES).vif[name] == pytest.approx(1 / (1 - r2), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_the_residual_tests_of_statsmodels(seed: int) -> None:
    y, x = data(seed)
    y = y + x[:, 0] ** 2 * 0.1
    fitted = sm.OLS(y, sm.add_constant(x)).fit()
    found = regress(y, x, NAMES).residuals
    statistic, p, _, _ = het_breuschpagan(fitted.resid, fitted.model.exog)
    assert list(found["breusch_pagan"].values()) == pytest.approx([statistic, p], rel=1e-9)
    statistic, p, _, _ = jarque_bera(fitted.resid)
    assert list(found["jarque_bera"].values()) == pytest.approx([statistic, p], rel=1e-9)


def test_hc3_by_hand() -> None:
    y, x = data(5)
    design = np.column_stack([np.ones(len(y)), x])
    bread = np.linalg.inv(design.T @ design)
    leverage = np.einsum("ij,jk,ik->i", design, bread, design)
    residual = y - design @ (bread @ design.T @ y)
    meat = design.T * (residual / (1 - leverage)) ** 2 @ design
    expected = np.sqrt(np.diag(bread @ meat @ bread))
    result = regress(y, x, NAMES, "HC3")
    np.testing.assert_allclose([term.standard_error for term in result.terms.values()], expected, rtol=1e-9)
    bias = result.terms["bias"]
    assert bias.p_value == pytest.approx(2 * stats.t.sf(abs(bias.t_value), len(y) - 4), rel=1e-9)


def test_intervals_cover_the_truth_and_zeros_are_dropped() -> None:
    """1,000 samples of 100 videos whose counts depend on each other, from the coefficients of Table 6.

    Coins and comments are truly 0; the noise gives intervals as wide as the paper's.
    """
    truth = {
        "bias": 0.0443,
        "view": 0.806,
        "danmaku": 0.0075,
        "reply": 0.0,
        "favorite": 0.0245,
        "coin": 0.0,
        "share": 0.023,
        "like": 0.092,
    }
    covered = dict.fromkeys(truth, 0)
    dropped = {name: 0 for name, value in truth.items() if value == 0}
    runs = 1000
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        x = 0.5 + 0.15 * (0.6 * rng.normal(size=(100, 1)) + 0.8 * rng.normal(size=(100, 7)))
        y = truth["bias"] + x @ [truth[name] for name in COUNTS] + 0.002 * rng.normal(size=100)
        result = eliminate(y, x, COUNTS)
        for name, value in truth.items():
            low, high = result.first.terms[name].confidence_interval
            covered[name] += low <= value <= high
        for name in dropped:
            dropped[name] += name in result.dropped
    assert 0.93 <= sum(covered.values()) / (len(truth) * runs) <= 0.97
    assert all(0.93 <= count / runs <= 0.97 for count in covered.values()), covered
    assert all(count / runs >= 0.93 for count in dropped.values()), dropped


def test_terms_leave_one_at_a_time_the_weakest_first() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(80, 5))
    y = 2 * x[:, 0] + x[:, 3] + rng.normal(size=80)
    names = ["strong", "n1", "n2", "good", "n3"]
    result = eliminate(y, x, names)

    kept, expected = list(names), []  # the same by hand
    while True:
        design = sm.add_constant(x[:, [names.index(n) for n in kept]])
        p = dict(zip(kept, sm.OLS(y, design).fit().pvalues[1:], strict=True))
        weakest = max(kept, key=p.__getitem__)
        if p[weakest] < 0.05:
            break
        expected.append(weakest)
        kept.remove(weakest)
    assert list(result.dropped) == expected
    assert list(result.final.terms) == ["bias", *kept]
    assert all(term.p_value < 0.05 for name, term in result.final.terms.items() if name != "bias")
    assert list(result.first.terms) == ["bias", *names]


def test_joint_elimination_is_one_step() -> None:
    """Of two equivalent predictors, joint elimination drops both, and stepwise keeps the better one."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=60)
    x = np.column_stack([base + 0.05 * rng.normal(size=60), base + 0.05 * rng.normal(size=60)])
    y = base + 0.5 * rng.normal(size=60)
    joint = eliminate(y, x, ["a", "b"], elimination="joint")
    assert set(joint.dropped) == {"a", "b"}
    assert joint.final.vif == {}
    assert joint.final.terms["bias"].coefficient == pytest.approx(y.mean())
    assert len(eliminate(y, x, ["a", "b"]).dropped) == 1


def test_nothing_is_dropped_when_everything_counts() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(50, 3))
    result = eliminate(x.sum(axis=1) + 0.01 * rng.normal(size=50), x, NAMES)
    assert result.dropped == ()
    assert result.final == result.first


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((50, 1)), "a is constant"),
        (np.random.default_rng(0).normal(size=(50, 1)) @ np.ones((1, 2)), "b is constant or follows"),
        (np.random.default_rng(0).normal(size=(4, 3)), "4 points are too few for 3 counts"),
    ],
)
def test_what_cannot_be_fitted_is_reported(x: NDArray[np.float64], message: str) -> None:
    with pytest.raises(InputError, match=message):
        regress(np.arange(len(x), dtype=float), x, NAMES[: x.shape[1]])


def test_a_response_without_residuals_is_reported() -> None:
    with pytest.raises(InputError, match="exactly"):
        regress(np.zeros(20), np.arange(20.0)[:, None], ["a"])


def test_a_single_point_that_decides_leaves_hc3_no_error() -> None:
    x = np.zeros((20, 1))
    x[7] = 1
    y = np.random.default_rng(0).normal(size=20)
    assert regress(y, x, ["a"]).terms["a"].standard_error > 0
    with pytest.raises(InputError, match=r"one video alone .*errors=ordinary"):
        regress(y, x, ["a"], "HC3")


def test_a_regression_survives_json() -> None:
    y, x = data(9)
    result = regress(y, x, NAMES)
    assert Regression.from_document(json.loads(json.dumps(result.as_document()))) == result


def test_cautions_of_a_statistician() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(size=25)
    x = np.column_stack([base, base + 0.01 * rng.normal(size=25), rng.normal(size=25)])
    found = " ".join(cautions(regress(base + rng.normal(size=25), x, NAMES), 0.05))
    assert "25 points for 3 counts are few" in found
    assert "collinear counts (a, b" in found

    x = rng.uniform(0, 1, size=(500, 1))
    uneven = regress(x[:, 0] + x[:, 0] * rng.normal(size=500), x, ["a"])
    assert any("Breusch-Pagan" in caution and "HC3" in caution for caution in cautions(uneven, 0.05))

    assert cautions(uneven, 0.05, "HC3") == ()

    skewed = regress(rng.exponential(size=40), rng.normal(size=(40, 1)), ["a"])
    assert any("Jarque-Bera" in caution for caution in cautions(skewed, 0.05))

    good = regress(2 * x[:, 0] + rng.normal(size=500), x, ["a"])
    assert cautions(good, 0.05) == ()
