"""The popularity section: every figure of the fit, and its coefficients next to the paper's."""

from pathlib import Path

import numpy as np
import pytest

from popdanceset.manifest import read_manifest
from popdanceset.report.data import collect
from popdanceset.report.popularity import read_popularity
from tests.popdanceset.report.conftest import Dataset


@pytest.fixture
def selected(settings):
    """A crawled and selected dataset."""
    return Dataset(settings).crawled().selected()


def read(dataset):
    manifest = read_manifest(Path(dataset.settings.manifests, dataset.manifest))
    return read_popularity(
        dataset.store, dataset.settings, collect(dataset.store, dataset.manifest), manifest
    )


def test_every_figure_of_the_fit_is_shown(selected):
    popularity = read(selected)
    captions = " ".join(drawing.caption for drawing in popularity.figures)
    for words in (
        "Counts of every video",
        "Coefficients",
        "Residuals",
        "Pop of every video",
        "Pop against views",
    ):
        assert words in captions
    assert all(drawing.svg.startswith("<svg") for drawing in popularity.figures)


def test_coefficients_are_compared_with_the_papers(selected):
    popularity = read(selected)
    assert popularity.threshold == 0.87
    views = next(each for each in popularity.coefficients if each.label == "views")
    assert views.paper == (0.798, 0.814)
    assert np.isfinite([views.first.coefficient, views.first.p_value]).all()
