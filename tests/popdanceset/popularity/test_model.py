import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from popdanceset.errors import InputError, StoreError
from popdanceset.popularity.fit import fit
from popdanceset.popularity.model import PAPER_TABLE_6, load_model, paper_midpoints
from popdanceset.popularity.sample import founding_sample
from popdanceset.schema import COUNTS
from popdanceset.settings import PopularitySettings, Settings
from popdanceset.store import Store


def test_the_papers_midpoints() -> None:
    model = paper_midpoints(dict.fromkeys(COUNTS, 100.0))
    assert model.coefficients == {
        "favorite": 0.0245,
        "danmaku": 0.0075,
        "view": 0.806,
        "like": 0.092,
        "share": 0.023,
    }
    assert model.bias == 0.0443
    assert sum(model.coefficients.values()) + model.bias == pytest.approx(0.997, abs=5e-4)
    assert model.name == "paper-midpoints"
    dropped = {name for name, (low, high) in PAPER_TABLE_6.items() if low < 0 < high}
    assert dropped == {"coin", "reply"} == set(COUNTS) - set(model.terms)


def test_the_midpoints_take_their_scale_from_the_founding_sample(
    settings: Settings, store: Store, dances: pa.Table
) -> None:
    model = load_model("paper-midpoints", settings, store, dances)
    sample = founding_sample(dances, 100, 0)
    assert [model.normaliser.reference[name] for name in COUNTS] == sample.counts.max(axis=0).tolist()


def test_a_model_from_a_file(settings: Settings, store: Store, dances: pa.Table, tmp_path: Path) -> None:
    result = fit(settings, store, dances)
    file = tmp_path / "fit.json"
    file.write_text(json.dumps(result.document))
    assert load_model(str(file), settings, store) == result.model


def test_an_unknown_name_lists_what_there_is(settings: Settings, store: Store, dances: pa.Table) -> None:
    result = fit(settings, store, dances)
    with pytest.raises(InputError, match=rf"none\.json: no such model .*{result.fit_id}"):
        load_model("none.json", settings, store)
    with pytest.raises(InputError, match="no such model"):
        load_model("0123456789ab", settings, store)


def test_the_newest_fit_is_the_default(settings: Settings, store: Store, dances: pa.Table) -> None:
    with pytest.raises(InputError, match=r"there are no fits .*popdanceset fit"):
        load_model(None, settings, store)
    fits = [
        fit(settings.model_copy(update={"popularity": PopularitySettings(seed=seed)}), store, dances).fit_id
        for seed in range(3)
    ]
    for age, fit_id in enumerate((fits[1], fits[2], fits[0])):
        os.utime(Path(settings.store, f"popularity/{fit_id}.json"), (1e9 - age, 1e9 - age))
    assert load_model(None, settings, store).name == fits[1]
    with pytest.raises(StoreError, match="missing"):
        store.modified("popularity/none.json")


def test_intervals_are_known_where_the_fit_tells_them(
    settings: Settings, store: Store, dances: pa.Table
) -> None:
    result = fit(settings, store, dances)
    assert set(result.model.confidence_intervals) == set(result.final.terms)
    assert result.model.confidence_intervals["bias"] == result.final.terms["bias"].confidence_interval
    assert paper_midpoints(dict.fromkeys(COUNTS, 1.0)).confidence_intervals["view"] == (0.798, 0.814)


GOOD: dict[str, Any] = {
    "fit_id": "x",
    "n": 3,
    "reference": {"view": 10},
    "final": {"terms": {"bias": {"coef": 0.1}, "view": {"coef": 0.9}}},
}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps({**GOOD, "final": {}}),
        json.dumps({**GOOD, "final": {"terms": {"view": {"coef": 1}}}}),
        json.dumps({**GOOD, "final": {"terms": {"bias": {"coef": 1}}}}),
        json.dumps({**GOOD, "final": {"terms": {"bias": {"coef": 1}, "stars": {"coef": 1}}}}),
        json.dumps({**GOOD, "final": {"terms": {"bias": {"coef": "much"}, "view": {"coef": 1}}}}),
        json.dumps({**GOOD, "reference": {}}),
        json.dumps({**GOOD, "reference": {"view": 0}}),
        json.dumps({**GOOD, "final": {"terms": {"bias": {"coef": float("nan")}, "view": {"coef": 1}}}}),
    ],
)
def test_a_file_that_is_no_fit_is_reported(
    content: str, settings: Settings, store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "fit.json"
    file.write_text(content)
    with pytest.raises(InputError):
        load_model(str(file), settings, store)


def test_a_good_file(settings: Settings, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "fit.json"
    file.write_text(json.dumps(GOOD))
    model = load_model(str(file), settings, store)
    assert (model.bias, model.coefficients, model.terms) == (0.1, {"view": 0.9}, ("view",))
    assert model.confidence_intervals == {}
