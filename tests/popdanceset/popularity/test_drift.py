from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from popdanceset.errors import InputError
from popdanceset.plotting import save_png
from popdanceset.popularity.drift import drift_between
from popdanceset.popularity.figures import drift_figure
from popdanceset.popularity.fit import fit
from popdanceset.popularity.model import PopularityModel, paper_midpoints
from popdanceset.popularity.normalise import LogNormaliser
from popdanceset.schema import COUNTS
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import row, table

SETTINGS = PopularitySettings()
VIEWS = PopularityModel("views", {"view": 1.0}, 0.0, LogNormaliser({"view": 10**6 - 1}), "")
LIKES = PopularityModel("likes", {"like": 1.0}, 0.1, LogNormaliser({"like": 10**6 - 1}), "")


def test_a_model_beside_itself(dances: pa.Table) -> None:
    found = drift_between(VIEWS, VIEWS, dances, SETTINGS)
    assert (found.videos, found.spearman, found.changed_share) == (400, pytest.approx(1), 0)
    assert found.coefficients == {"bias": (0, 0), "view": (1, 1)}


def test_two_models_by_hand(dances: pa.Table) -> None:
    found = drift_between(VIEWS, LIKES, dances, SETTINGS)
    views, likes, followers = (dances[name].to_numpy() for name in ("view", "like", "follower"))
    pop_a, pop_b = np.log1p(views) / np.log(10**6), np.log1p(likes) / np.log(10**6) + 0.1
    a, b = ((pop > 0.85) & (views > followers) for pop in (pop_a, pop_b))
    assert found.spearman == pytest.approx(stats.pearsonr(stats.rankdata(views), stats.rankdata(likes))[0])
    assert (found.gained, found.lost) == (sum(b & ~a), sum(a & ~b))
    assert found.changed_share == (a != b).mean() > 0
    assert found.coefficients == {"bias": (0, 0.1), "view": (1, None), "like": (None, 1)}
    np.testing.assert_allclose([found.pop_a, found.pop_b], [pop_a, pop_b])
    np.testing.assert_array_equal(found.changed, a != b)


def test_only_what_both_can_score_counts() -> None:
    videos = table(row(1), row(2, view=10), row(3, like=None), row(4, view=None), row(5, state="gone"))
    found = drift_between(VIEWS, LIKES, videos, SETTINGS)
    assert found.videos == 2
    assert np.isnan(found.spearman)  # both videos have the same likes
    with pytest.raises(InputError, match="both models can score only 1 videos"):
        drift_between(VIEWS, LIKES, videos.slice(0, 1), SETTINGS)


def test_the_figure(settings: Settings, store: Store, dances: pa.Table, tmp_path: Path) -> None:
    found = drift_between(
        fit(settings, store, dances).model, paper_midpoints(dict.fromkeys(COUNTS, 1e6)), dances, SETTINGS
    )
    figure = drift_figure(found)
    small, pop, views = figure.axes
    assert [label.get_text() for label in views.get_yticklabels()] == ["views"]
    assert len(small.get_yticks()) == len(found.coefficients) - 1
    assert f"Spearman {found.spearman:.6f}" in pop.get_title()
    save_png(figure, tmp_path / "a.png")
    save_png(drift_figure(found), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    save_png(drift_figure(replace(drift_between(LIKES, LIKES, dances, SETTINGS))), tmp_path / "c.png")
