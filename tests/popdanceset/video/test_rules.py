"""The rules of screening are entries of one list: whatever is added to it appears everywhere."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from popdanceset.schema import CLIPS, Reason
from popdanceset.settings import Settings
from popdanceset.video.measures import _SIGNALS, measure
from popdanceset.video.planning import plan
from popdanceset.video.rules import MEASURES, RULES, SIGNALS, Scope, reasons, thresholds
from popdanceset.video.screening.report import (
    CameraMotion,
    Dancers,
    Overlays,
    Panels,
    Picture,
    Screening,
    Shake,
)

ADDED = """
    from popdanceset.video import rules

    rules.RULES = (
        *rules.RULES,
        rules.Rule(
            reason="too_near",
            meaning="the dancer is too large in the picture",
            measure="size",
            unit="frame heights",
            most=rules.Threshold("max_size", 0.95, "largest height of the main dancer's circle", gt=0),
        ),
        rules.Rule(
            reason="mostly_still",
            meaning="the dancer rests most of the time",
            measure="stillness",
            unit="1",
            most=rules.Threshold("max_stillness", 0.4, "largest share of a clip without motion", ge=0, le=1),
            scope=rules.Scope.CLIP,
        ),
    )
"""


def report(size: float = 0.7, still: float = 0.0, seconds: int = 10) -> Screening:
    """A report of a good video; of each four seconds, the dancer rests for the first `still`."""
    times = tuple(n / 10 for n in range(10 * seconds))
    looks = tuple(n / 2 for n in range(2 * seconds))
    one = (1,) * len(looks)
    return Screening(
        float(seconds),
        30.0,
        (),
        (),
        Shake(times, (0.0002,) * len(times)),
        CameraMotion(times, (0.01,) * len(times), (0.01,) * len(times)),
        Picture(times, tuple(0.5 if t % 4 < still else 40.0 for t in times), (120.0,) * len(times)),
        Overlays((0.0, 0.0, 0.0, 0.0)),
        Panels(looks, (0.0,) * len(looks)),
        Dancers(
            looks,
            one,
            one,
            one,
            (size,) * len(looks),
            (0.0,) * len(looks),
            one,
            ((0.9,) * 12,) * len(looks),
            (0.0,) * len(looks),
        ),
    )


def with_added_rules(script: str) -> str:
    """What a script prints in a process of its own, in which the list has two more entries."""
    path = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})"
    lines = [textwrap.dedent(ADDED), path, textwrap.dedent(script)]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_added_rule_is_in_planning_settings_schema_and_report() -> None:
    out = with_added_rules("""
        from click.testing import CliRunner
        from matplotlib.axes import Axes

        from popdanceset.commands import with_values
        from popdanceset.report.screening import screening_figure
        from popdanceset.schema import Reason
        from popdanceset.settings import Settings
        from popdanceset.settings_command import settings as command
        from popdanceset.video.planning import plan
        from test_rules import report

        print("reason:", Reason("too_near").meaning, "|", Reason("mostly_still").meaning)
        for name, video in {"good": report(), "near": report(size=0.99), "still": report(still=2.0)}.items():
            print("plan:", name, [span.reason.value for span in plan(video, Settings())])
        lax = with_values(Settings(), "screening", max_size=2.0, max_stillness=1.0)
        print("lax:", [plan(video, lax)[0].accepted for video in (report(size=0.99), report(still=2.0))])
        print(CliRunner().invoke(command, ["--set", "screening.max_size=0.5"]).output)
        limits, draw = [], Axes.axvline
        Axes.axvline = lambda axes, x, **style: limits.append(x) or draw(axes, x, **style)
        spans = [span.measures | {"accepted": span.accepted} for span in plan(report(), Settings())]
        assert "<svg" in screening_figure(spans, Settings()).svg
        print("drawn:", 0.95 in limits, 0.4 in limits)
    """)
    assert "reason: the dancer is too large in the picture | the dancer rests most of the time" in out
    assert "plan: good ['']" in out
    assert "plan: near ['too_near']" in out
    assert "plan: still ['mostly_still']" in out
    assert "lax: [True, True]" in out
    assert "# largest height of the main dancer's circle\nmax_size = 0.5  # default: 0.95" in out
    assert "# largest share of a clip without motion\n# max_stillness = 0.4" in out
    assert "drawn: True True" in out


def test_without_it_the_same_videos_are_accepted() -> None:
    assert all(plan(video, Settings())[0].accepted for video in (report(size=0.99), report(still=2.0)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.reason}-{rule.measure}")
def test_every_rule_is_complete(rule) -> None:
    """It has one limit, a measure that exists, and a reason with a meaning."""
    assert (rule.least is None) != (rule.most is None)
    columns = {each.name for each in MEASURES}
    assert rule.measure in (SIGNALS if rule.scope is Scope.MOMENT else columns)
    assert Reason(rule.reason).meaning
    assert set(rule.unless) <= {each.reason for each in RULES if each.scope is Scope.MOMENT}
    settings = Settings().screening
    assert rule.limit(settings) == next(
        (getattr(settings, t.setting) for t in (rule.least, rule.most) if hasattr(t, "setting")), 1
    )


def test_every_measure_is_computed() -> None:
    found = measure(report(), 0.0, 10.0, Settings().screening)
    assert {*found, "cuts_per_minute", "bars"} == {each.name for each in MEASURES}
    assert set(_SIGNALS) == set(SIGNALS)
    assert {each.name for each in MEASURES} <= set(CLIPS.names)


def test_reasons_and_thresholds_come_once() -> None:
    names = [reason for reason, _ in reasons()]
    assert len(set(names)) == len(names)
    settings = [each.setting for each in thresholds()]
    assert len(set(settings)) == len(settings)
    assert set(settings) < set(type(Settings().screening).model_fields)
