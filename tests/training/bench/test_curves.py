"""Logs of trainings that were interrupted."""

from __future__ import annotations

import json

import pytest

from popdanceset.errors import InputError
from training.bench.curves import read_log


def test_steps_that_a_later_attempt_repeats_do_not_count(tmp_path):
    records = [
        {"step": 0, "seconds": 0.0, "memory": 100},
        {"step": 1, "seconds": 2.0, "memory": 300, "loss/total": 9.0},
        {"step": 2, "seconds": 4.0, "memory": 300, "loss/total": 8.0},
        {"step": 3, "seconds": 6.0, "memory": 300, "loss/total": 7.5},
        # Killed; the newest checkpoint is that of step 2.
        {"step": 2, "seconds": 0.0, "memory": 100},
        {"step": 3, "seconds": 2.0, "memory": 200, "loss/total": 7.0},
        {"step": 4, "seconds": 90.0, "memory": 200, "loss/total": 6.0, "validation/BAS": 0.5},
        {"step": 5, "seconds": 92.0, "memory": 200, "loss/total": 5.0},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    log = read_log(path)
    assert [record["loss/total"] for record in log.records] == [9.0, 8.0, 7.0, 6.0, 5.0]
    assert (log.steps, log.memory) == (5, 300)
    assert log.seconds == pytest.approx(5 * 2.0)  # the validation took 86 s


def test_what_is_no_log_is_one_line(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("step 1")
    with pytest.raises(InputError, match=r"log\.jsonl: is not a log of a training"):
        read_log(path)
