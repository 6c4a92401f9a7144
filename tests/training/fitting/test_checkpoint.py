"""Checkpoints are complete or missing, and only the newest stay."""

import pickle
from pathlib import Path

import pytest
import torch

from popdanceset.errors import InputError
from training.fitting import checkpoint


def test_the_newest_stay(tmp_path):
    for step in (10, 200, 3000):
        checkpoint.save(tmp_path, step, {"model": {"w": torch.full((2,), float(step))}}, keep=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-00000200.pt", "checkpoint-00003000.pt"]
    assert checkpoint.latest(tmp_path).name == "checkpoint-00003000.pt"
    content = checkpoint.load(tmp_path)
    assert content["step"] == 3000
    assert content["model"]["w"].tolist() == [3000, 3000]


def test_a_write_that_fails_leaves_the_older_ones(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, {"x": 1}, keep=1)

    def full(content, file):
        file.write(b"half of it")
        raise RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed\nmore")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"not written: PytorchStreamWriter.*older checkpoints are intact"):
        checkpoint.save(tmp_path, 2, {"x": 2}, keep=1)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path)["x"] == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_files_that_are_not_checkpoints(tmp_path):
    assert checkpoint.latest(tmp_path / "nowhere") is None
    with pytest.raises(InputError, match="contains no checkpoint"):
        checkpoint.load(tmp_path)
    with pytest.raises(InputError, match="not readable: No such file"):
        checkpoint.load(tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(b"\x80\x02garbage")
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(tmp_path / "b.pt")
    torch.save({"format": 99}, tmp_path / "c.pt")
    with pytest.raises(InputError, match="of this program"):
        checkpoint.load(tmp_path / "c.pt")


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "pwned"), "w"))

    torch.save({"format": 1, "x": Evil()}, tmp_path / "checkpoint-00000001.pt", pickle_module=pickle)
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(tmp_path)
    assert not (tmp_path / "pwned").exists()


def test_a_truncated_checkpoint(tmp_path):
    path = checkpoint.save(tmp_path, 5, {"w": torch.zeros(1000)}, keep=1)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="damaged"):
        checkpoint.load(path)


def test_the_name_contains_the_step():
    assert checkpoint.step_of(Path("run", checkpoint.name_of(1234))) == 1234
    with pytest.raises(ValueError, match="is not named like a checkpoint"):
        checkpoint.step_of(Path("run/best.pt"))
