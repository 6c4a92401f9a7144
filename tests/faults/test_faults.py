"""A few of each fault, with the same choices each time. `python -m tests.faults` makes others for an hour."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.bed import Bed, laid
from tests.faults.checks import RELEASE, findings
from tests.faults.faults import TRIALS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with laid(tmp_path_factory.mktemp("faults")) as found:
        yield found


@pytest.mark.parametrize("name", [name for name, trial in TRIALS.items() if trial.in_tests])
def test_nothing_is_lost_doubled_or_different(bed: Bed, name: str) -> None:
    trial = TRIALS[name]
    outcome = trial.fault(bed, Random(f"0 {name}"), trial.in_tests)
    if outcome.skipped:
        pytest.skip(outcome.skipped)
    assert outcome.found == {}
    assert outcome.done.total() >= trial.in_tests
    assert outcome.worlds > 0


def test_the_checks_find_what_is_wrong(bed: Bed) -> None:
    right, wrong = bed.undisturbed.world.store, bed.copy().store
    assert findings(wrong, right) == {}
    poses, verdict = wrong.list("poses")[0], wrong.list("verdicts")[-1]
    wrong.write_bytes(poses.replace("Clip_1", "Clip_7"), wrong.read_bytes(poses))
    wrong.remove(verdict)
    wrong.write_bytes(f"{RELEASE}/splits/train.txt", b"")
    wrong.write_bytes(".scratch/half", b"")
    found = findings(wrong, right)
    assert f"file {verdict}" in found["lost"]
    assert any(line.endswith("2 times") for line in found["doubled"])
    assert found["differs in the release"] == ["splits/train.txt"]
    assert found["left over"] == [".scratch/half"]
