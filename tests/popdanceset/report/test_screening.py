"""Every measure of a clip has its figure, and every limit of screening its line."""

import numpy as np
import pyarrow as pa

from popdanceset.report.screening import limits, screening_figure
from popdanceset.schema import CLIPS
from popdanceset.settings import ScreeningSettings, Settings
from popdanceset.video.rules import MEASURES


def test_every_measure_of_the_table_is_drawn():
    not_measures = {"start", "end", "planned_start", "planned_end"}
    numbers = {f.name for f in CLIPS if pa.types.is_floating(f.type)} - not_measures
    assert {measure.name for measure in MEASURES} == numbers


def test_the_limits_are_those_of_the_settings():
    rules = ScreeningSettings(max_shake=0.1, min_size=0.3, max_seam=0.4)
    found = {measure.name: limits(measure, rules) for measure in MEASURES}
    assert (found["shake"], found["size"], found["seam"], found["bars"]) == ([0.1], [0.3], [0.4], [])


def test_spans_without_measures_have_no_figure():
    assert screening_figure([], Settings()) is None
    assert screening_figure([{"accepted": False, "shake": None}], Settings()) is None


def test_spans_that_lack_a_measure_are_counted():
    rng = np.random.default_rng(0)
    rows = [
        {m.name: float(rng.random()) for m in MEASURES} | {"accepted": bool(n % 2), "twin": None}
        for n in range(30)
    ]
    rows[0]["shake"] = 0.0
    figure = screening_figure(rows, Settings())
    assert figure is not None
    assert "likeness of two people (30 \u2013)" in figure.svg
    assert "shake (diagonals)" in figure.svg
