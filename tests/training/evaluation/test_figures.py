"""Figures show every measured row, say which way is better, and are the same bytes every time."""

from __future__ import annotations

import io

import numpy as np
import pytest

from training.evaluation.comparison import Comparison, Row, published_rows
from training.evaluation.figures import bars, png, radar
from training.evaluation.published import chosen
from training.metrics.score import ITSELF, Interval

PROTOCOL = {
    "mode": "corrected",
    "axes": "metres, z up",
    "rows": {"ground truth": {"frames": {"least": 90, "most": 90}, "fps": [30.0]}},
}


def row(name, kind, **numbers):
    whole = {k: v if isinstance(v, Interval) else Interval(v, v - 0.1, v + 0.1) for k, v in numbers.items()}
    return Row(name, kind, whole)


@pytest.fixture
def table():
    nothing = Interval(0, 0, 0, "no music: 4 of 4 clips left out")
    itself = Interval(0, 0, 0, ITSELF)
    long = "a model with a very long name"
    rows = (
        row("ground truth", "real", PFC=2.0, BAS=0.5, Div_k=8.0, FID_k=itself, jitter=1.0),
        row("A", "model", PFC=4.0, BAS=0.25, Div_k=4.0, FID_k=3.0, jitter=5e3),
        row(long, "model", PFC=8.0, BAS=nothing, Div_k=24.0, FID_k=6.0, jitter=2e4),
    )
    return Comparison((*rows, *published_rows(chosen(["paper"]), PROTOCOL)), PROTOCOL)


def test_bars_have_a_panel_a_metric_and_a_bar_a_measured_row(table):
    figure = bars(table)
    panels = {
        axes.get_title(loc="left").split("\n")[0].split(",")[0]: axes for axes in figure.axes if axes.axison
    }

    assert set(panels) == {"PFC", "BAS", "Div_k", "FID_k", "Jitter"}
    assert "↓ less is better" in panels["PFC"].get_title(loc="left")
    assert "→ nearer to the ground truth" in panels["Div_k"].get_title(loc="left")
    assert sorted(bar.get_width() for bar in panels["PFC"].patches) == [2.0, 4.0, 8.0]
    words = [text.get_text() for text in panels["BAS"].texts]
    assert words == ["0.500", "0.250", "not measured"]
    assert panels["FID_k"].texts[0].get_text() == "0.000*"
    assert panels["Jitter"].get_xscale() == "log"
    names = [label.get_text() for label in panels["PFC"].get_yticklabels()]
    assert names == ["ground truth", "A", "a model with a very l…"]


def test_a_radar_draws_closeness_to_the_best(table):
    figure = radar(table)
    lines = {line.get_label(): line.get_ydata()[:-1] for line in figure.axes[0].get_lines()}
    titles = [label.get_text().split("\n")[0] for label in figure.axes[0].get_xticklabels()]

    assert titles == ["PFC ↓", "BAS ↑", "Div_k →", "FID_k ↓", "Jitter →"]
    np.testing.assert_allclose(lines["ground truth"], [1, 1, 1, np.nan, 1])
    # 8 and 4: 1 − 4/12; 1 and 5000: 1 − 4999/5001
    np.testing.assert_allclose(lines["A"], [0.5, 0.5, 2 / 3, 1, 2 / 5001])
    np.testing.assert_allclose(lines["a model with a very l…"], [0.25, np.nan, 0.5, 0.5, 2 / 20001])


def test_no_radar_of_two_columns(table):
    assert radar(table, ["PFC", "BAS"]) is None


def test_the_same_figure_is_the_same_bytes(table):
    first, second = png(bars(table)), png(bars(table))
    assert first == second
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(png(radar(table))))
    assert pixels.shape[0] > 500
    assert 0.02 < (pixels[..., :3].min(-1) < 0.9).mean() < 0.6  # something is drawn, on white
