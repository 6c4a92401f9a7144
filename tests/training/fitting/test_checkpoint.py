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


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:300],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
    ],
    ids=["empty", "head only", "half", "last byte missing", "one bit flipped"],
)
def test_the_newest_undamaged_checkpoint_of_a_folder_is_used(tmp_path, caplog, spoil):
    for step in (10, 20, 30):
        checkpoint.save(tmp_path, step, {"w": torch.full((1000,), float(step))}, keep=3)
    last = tmp_path / checkpoint.name_of(30)
    last.write_bytes(spoil(last.read_bytes()))
    assert checkpoint.load(tmp_path)["step"] == 20
    assert "checkpoint-00000030.pt is damaged; checkpoint-00000020.pt is used instead" in caplog.text
    with pytest.raises(InputError, match="is not a checkpoint, or is damaged"):
        checkpoint.load(last)


def test_a_folder_of_damaged_checkpoints_is_not_a_new_run(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"x": step}, keep=2).write_bytes(b"PK")
    with pytest.raises(InputError, match=r"all of its 2 checkpoints are damaged .*copy them again"):
        checkpoint.newest(tmp_path)


def test_a_damaged_later_checkpoint_does_not_push_out_whole_ones(tmp_path):
    checkpoint.save(tmp_path, 30, {"x": 30}, keep=1).write_bytes(b"PK")
    for step in (10, 20):
        checkpoint.save(tmp_path, step, {"x": step}, keep=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-00000020.pt", "checkpoint-00000030.pt"]
    checkpoint.save(tmp_path, 30, {"x": 31}, keep=1)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-00000030.pt"]


def test_the_name_contains_the_step():
    assert checkpoint.step_of(Path("run", checkpoint.name_of(1234))) == 1234
    with pytest.raises(ValueError, match="is not named like a checkpoint"):
        checkpoint.step_of(Path("run/best.pt"))
