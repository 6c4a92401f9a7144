from pathlib import Path

import matplotlib
import numpy as np
import pyarrow as pa
import pytest

from popdanceset.plotting import save_png
from popdanceset.popularity.figures import (
    coefficients_figure,
    normalisation_figure,
    pop_against_views,
    pop_histogram,
    residuals_figure,
)
from popdanceset.popularity.fit import Fit, fit
from popdanceset.popularity.selection import judge
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import row, table


@pytest.fixture
def fitted(settings: Settings, store: Store, dances: pa.Table) -> Fit:
    return fit(settings, store, dances)


def test_normalisation_shows_every_count_before_and_after(dances: pa.Table, fitted: Fit) -> None:
    left, right = normalisation_figure(dances, fitted.model.normaliser).axes
    assert [label.get_text() for label in left.get_yticklabels()][:3] == ["views", "danmaku", "comments"]
    assert len(left.patches) == len(right.patches) == 7
    middle = [np.median(line.get_xdata()) for line in right.lines]
    assert max(middle) < 1.5


def test_coefficients_stand_beside_the_papers(fitted: Fit) -> None:
    small, views = coefficients_figure(fitted.first).axes
    ours, theirs = views.containers
    assert float(ours[0].get_xdata()[0]) == pytest.approx(fitted.first.terms["view"].coefficient)
    assert float(theirs[0].get_xdata()[0]) == pytest.approx(0.806)
    assert len(small.get_yticks()) == 7


def test_coefficients_of_a_fit_without_views(fitted: Fit) -> None:
    from dataclasses import replace

    terms = {name: term for name, term in fitted.first.terms.items() if name != "view"}
    assert len(coefficients_figure(replace(fitted.first, terms=terms)).axes) == 1


def test_no_bar_of_the_histogram_lies_on_both_sides() -> None:
    pop = np.array([0.2, 0.84, 0.8499, 0.8501, 0.9, np.nan])
    (axes,) = pop_histogram(pop, 0.85).axes
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]
    assert sum(height for low, _, height in bars if low >= 0.85 - 1e-9) == 2
    assert sum(height for _, high, height in bars if high <= 0.85 + 1e-9) == 3
    assert "2 of 5" in axes.texts[0].get_text()


@pytest.mark.parametrize("pop", [np.array([]), np.array([np.nan]), np.array([0.85]), np.array([0.5, 0.5])])
def test_a_histogram_of_little(pop: np.ndarray, tmp_path: Path) -> None:
    save_png(pop_histogram(pop, 0.85), tmp_path / "pop.png")


def test_pop_against_views_tells_the_verdicts(dances: pa.Table, fitted: Fit) -> None:
    judged = judge(dances, fitted.model, PopularitySettings())
    figure = pop_against_views(judged, 0.85)
    accepted = sum(judged["accepted"].to_pylist())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert f"accepted ({accepted})" in labels


def test_pop_against_views_of_little(fitted: Fit, tmp_path: Path) -> None:
    for videos in (table(), table(row(1, follower=None)), table(row(1, view=None))):
        save_png(
            pop_against_views(judge(videos, fitted.model, PopularitySettings()), 0.85), tmp_path / "a.png"
        )


def test_residuals_against_prediction_and_normal_quantiles() -> None:
    predicted, residual = np.linspace(0, 1, 200), np.random.default_rng(0).normal(size=200)
    left, right = residuals_figure(predicted, residual).axes
    np.testing.assert_allclose(left.collections[0].get_offsets(), np.column_stack([predicted, residual]))
    quantiles, ordered = np.ma.getdata(right.collections[0].get_offsets()).T
    np.testing.assert_allclose(ordered, np.sort(residual))
    (line,) = right.lines
    middle = np.abs(quantiles) < 1
    np.testing.assert_allclose(np.interp(quantiles, *line.get_data())[middle], ordered[middle], atol=0.25)


def test_pictures_are_the_same_bytes_and_touch_no_global_state(fitted: Fit, tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    for name in ("a", "b"):
        save_png(coefficients_figure(fitted.first), tmp_path / "new" / f"{name}.png")
    a, b = ((tmp_path / "new" / f"{name}.png").read_bytes() for name in ("a", "b"))
    assert a == b
    assert a.startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before
