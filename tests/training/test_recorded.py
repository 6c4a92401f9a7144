"""Comparison with recorded values: what counts as a difference, and what cannot be compared."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training import recorded

A, B = torch.tensor([1.0, -200.0, 0.5]), torch.tensor([1.0, -202.0, 0.1])


def test_differences_are_scaled_as_they_say() -> None:
    assert recorded.compare("x", A, B).largest == pytest.approx(0.4)
    assert recorded.compare_to_largest("x", A, B).largest == pytest.approx(2 / 202)
    assert recorded.compare_exactly("x", A, B) == ("x", 2.0, 0.0)
    found = recorded.compare_numbers("x", {"a": 1.1, "b": 2e-9, "c": 5.0}, {"a": 1.0, "b": 1e-9})
    assert found.largest == pytest.approx(0.1)


def test_other_shapes_missing_numbers_and_nan_are_too_large(capsys: pytest.CaptureFixture[str]) -> None:
    nan = torch.tensor([1.0, math.nan, 0.5])
    bad = [
        recorded.compare("a", A[:2], B),
        recorded.compare_to_largest("b", A[None], B),
        recorded.compare_exactly("c", A[:2], B),
        recorded.compare("d", nan, A),
        recorded.compare_to_largest("e", nan, A),
        recorded.compare_numbers("f", {"a": 1.0}, {"b": 1.0}),
        recorded.compare_numbers("g", {"a": math.nan, "b": 1.0}, {"a": 1.0, "b": 1.0}),
    ]
    assert recorded.report([*bad, recorded.compare("h", A, A)]) == 1
    said = capsys.readouterr().out
    assert said.count("TOO LARGE") == 7
    assert "7 of 8 differences are too large" in said
    assert recorded.report([recorded.compare("h", A, A)]) == 0


def test_records_are_read_without_pickled_objects(tmp_path: Path) -> None:
    torch.save({"a": A}, tmp_path / "a.pt")
    np.savez(tmp_path / "a.npz", a=A.numpy())
    for name in ("a.pt", "a.npz"):
        assert list(recorded.read_record(tmp_path / name)) == ["a"]
    torch.save({"a": Path()}, tmp_path / "b.pt")
    np.savez(tmp_path / "b.npz", a=np.array([None]))
    torch.save(A, tmp_path / "c.pt")
    (tmp_path / "d.npz").write_bytes(b"no archive")
    for name in ("b.pt", "b.npz", "c.pt", "d.npz", "none.pt"):
        with pytest.raises(InputError, match=name):
            recorded.read_record(tmp_path / name)
