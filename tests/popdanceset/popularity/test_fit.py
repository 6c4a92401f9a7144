import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from popdanceset.errors import InputError
from popdanceset.popularity.fit import fit, response
from popdanceset.popularity.model import load_model
from popdanceset.popularity.score import score
from popdanceset.schema import COUNTS
from popdanceset.settings import Settings
from popdanceset.store import Store
from tests.popdanceset.popularity.conftest import row, table

PAPER_WEIGHTS = {
    "view": 0.25,
    "danmaku": 0.4,
    "reply": 0.4,
    "favorite": 0.3,
    "coin": 0.4,
    "share": 0.6,
    "like": 0.4,
}


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update={"popularity": settings.popularity.model_copy(update=values)})


def test_the_whole_fit_by_hand(settings: Settings, store: Store, dances: pa.Table) -> None:
    """The founding sample is everything; numpy's least squares on the same definitions."""
    result = fit(changed(settings, sample=0, alpha=0.999999), store, dances)
    counts = {name: dances[name].to_numpy() for name in COUNTS}
    x = np.column_stack([np.log1p(c) / math.log1p(c.max()) for c in counts.values()])
    total = sum(PAPER_WEIGHTS[name] * c for name, c in counts.items())
    y = np.log1p(total) / math.log1p(total.max())
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(len(y)), x]), y, rcond=None)[0]
    assert result.dropped == ()
    np.testing.assert_allclose([t.coefficient for t in result.first.terms.values()], coefficients, atol=1e-9)
    pop, _ = score(dances, result.model)
    np.testing.assert_allclose(pop, coefficients[0] + x @ coefficients[1:], atol=1e-9)


def test_the_document(settings: Settings, store: Store, dances: pa.Table) -> None:
    result = fit(settings, store, dances)
    document = store.read_json(f"popularity/{result.fit_id}.json")
    assert document == json.loads(json.dumps(result.document))
    assert document["fit_id"] == result.fit_id
    assert document["n"] == 100
    assert 0.9 < document["r2"] <= 1
    assert document["weights"] == PAPER_WEIGHTS
    assert document["sample"]["size"] == len(document["sample"]["bvids"]) == 100
    sample = dances.filter(
        pa.array([b in set(document["sample"]["bvids"]) for b in dances["bvid"].to_pylist()])
    )
    assert document["reference"] == {name: max(sample[name].to_pylist()) for name in COUNTS}
    assert set(document["first"]["terms"]) == {"bias", *COUNTS}
    assert set(document["final"]["terms"]) == {"bias", *COUNTS} - set(document["dropped"])
    for part in ("first", "final"):
        for term in document[part]["terms"].values():
            assert set(term) == {"coef", "se", "t", "p", "low", "high"}
            assert term["low"] <= term["coef"] <= term["high"]


def test_the_points_of_the_residual_figure(settings: Settings, store: Store, dances: pa.Table) -> None:
    """Predictions and residuals add up to the response, and the residuals to 0."""
    result = fit(changed(settings, sample=0), store, dances)
    predicted, residual = (np.array(result.document["points"][key]) for key in ("predicted", "residual"))
    y, _ = response(result.sample.counts, PAPER_WEIGHTS)
    np.testing.assert_allclose(predicted + residual, y, atol=2e-9)
    assert residual.mean() == pytest.approx(0, abs=1e-9)
    freedom = result.final.degrees_of_freedom
    assert np.sqrt((residual**2).sum() / freedom) == pytest.approx(result.final.residual_se, rel=1e-4)


def test_a_large_sample_keeps_some_points(
    settings: Settings, store: Store, dances: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("popdanceset.popularity.fit.MOST_POINTS", 90)
    points = fit(changed(settings, sample=0), store, dances).document["points"]
    assert len(points["predicted"]) == len(points["residual"]) == 80


def test_the_same_inputs_give_the_same_bytes(settings: Settings, store: Store, dances: pa.Table) -> None:
    first = fit(settings, store, dances)
    content = store.read_bytes(f"popularity/{first.fit_id}.json")
    again = fit(settings, store, dances.take(np.random.default_rng(0).permutation(400)))
    assert again.fit_id == first.fit_id
    assert store.read_bytes(f"popularity/{again.fit_id}.json") == content
    assert fit(changed(settings, seed=1), store, dances).fit_id != first.fit_id
    assert len(store.list("popularity", ".json")) == 2


def test_settings_reach_the_regression(settings: Settings, store: Store, dances: pa.Table) -> None:
    joint = fit(changed(settings, elimination="joint", errors="HC3"), store, dances)
    assert (joint.document["elimination"], joint.document["errors"]) == ("joint", "HC3")
    ordinary = fit(changed(settings, elimination="joint"), store, dances)
    assert joint.first.terms["view"].coefficient == pytest.approx(
        ordinary.first.terms["view"].coefficient, abs=1e-12
    )
    assert joint.first.terms["view"].standard_error != ordinary.first.terms["view"].standard_error


def test_a_fit_is_found_again_by_its_id(settings: Settings, store: Store, dances: pa.Table) -> None:
    result = fit(settings, store, dances)
    assert load_model(result.fit_id, settings, store) == result.model


def test_the_weighted_total() -> None:
    weights = dict.fromkeys(COUNTS, 0.0) | {"view": 2.0, "coin": 1.0}
    counts = np.zeros((3, 7))
    counts[:, COUNTS.index("view")] = [0, 10, 40]
    counts[:, COUNTS.index("coin")] = [5, 0, 19]
    y, scale = response(counts, weights)
    assert scale == 99
    np.testing.assert_allclose(y, np.log([6, 21, 100]) / math.log(100))


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        (table(), "none of 0 videos"),
        (
            table(*(row(i, **{name: i * k for k, name in enumerate(COUNTS, 1)}) for i in range(1, 7))),
            "too few",
        ),
        (table(*(row(i, coin=0) for i in range(50))), "every count of the 50 videos is constant"),
    ],
)
def test_what_cannot_be_fitted_is_reported(
    settings: Settings, store: Store, videos: pa.Table, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit(settings, store, videos)
    assert store.list("popularity") == []


def test_the_end_of_a_fit_is_logged(
    settings: Settings, store: Store, dances: pa.Table, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    result = fit(settings, store, dances)
    assert f"fit {result.fit_id}: 100 videos, R2" in caplog.text


def test_a_fit_without_any_term_is_reported(settings: Settings, store: Store, dances: pa.Table) -> None:
    with pytest.raises(InputError, match="no count's coefficient differs from 0"):
        fit(changed(settings, alpha=1e-300), store, dances)


@pytest.mark.parametrize("value", [0, 3])
def test_a_constant_count_is_left_out_and_said(
    settings: Settings, store: Store, dances: pa.Table, value: int, caplog: pytest.LogCaptureFixture
) -> None:
    constant = dances.set_column(
        dances.schema.get_field_index("share"), dances.schema.field("share"), [[value] * len(dances)]
    )
    result = fit(settings, store, constant)
    assert result.left_out == ("share",)
    assert "share is the same in every video, so the model leaves it out" in result.warnings[0]
    assert result.warnings[0] in caplog.text
    assert set(result.first.terms) == {"bias", *COUNTS} - {"share"}
    assert np.isfinite(score(constant, load_model(result.fit_id, settings, store))[0]).all()
    assert len(result.document["points"]["predicted"]) == 100


def test_a_count_may_be_left_out_by_name(settings: Settings, store: Store, dances: pa.Table) -> None:
    same = dances.set_column(
        dances.schema.get_field_index("like"), dances.schema.field("like"), dances["view"]
    )
    with pytest.raises(InputError, match=r"like is constant or follows .*popularity\.without=like"):
        fit(settings, store, same)
    result = fit(changed(settings, without=("like",)), store, same)
    assert (result.left_out, result.document["left_out"]) == (("like",), ["like"])
    assert "left_out" not in fit(settings, store, dances).document
