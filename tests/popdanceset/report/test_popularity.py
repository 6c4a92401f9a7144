import numpy as np
import pytest

from popdanceset.report.content import collect
from popdanceset.report.popularity import manifest_of, read_popularity
from tests.popdanceset.report.conftest import Dataset


@pytest.fixture
def selected(settings):
    """A crawled and selected dataset."""
    return Dataset(settings).crawled().selected()


def test_every_figure_of_the_fit_is_shown(selected):
    manifest = manifest_of(selected.settings, selected.manifest)
    content = collect(selected.store, selected.manifest, "")
    told = read_popularity(selected.store, selected.settings, content, manifest)
    captions = " ".join(drawing.caption for drawing in told.figures)
    for words in (
        "Counts of every video",
        "Coefficients",
        "Residuals",
        "Pop of every video",
        "Pop against views",
    ):
        assert words in captions
    assert all(drawing.svg.startswith("<svg") for drawing in told.figures)


def test_coefficients_stand_beside_the_papers(selected):
    manifest = manifest_of(selected.settings, selected.manifest)
    content = collect(selected.store, selected.manifest, "")
    told = read_popularity(selected.store, selected.settings, content, manifest)
    assert told.threshold == 0.87
    views = next(each for each in told.coefficients if each.label == "views")
    assert views.paper == (0.798, 0.814)
    assert np.isfinite([views.first.coef, views.first.p]).all()
