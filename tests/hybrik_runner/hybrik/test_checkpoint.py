"""Checkpoints: the two layouts that are used, and what is refused."""

import pytest
import torch

from hybrik_runner.hybrik import checkpoint
from popdanceset.errors import AssetError


@pytest.fixture
def entries():
    """Weights of a small network that stands for the large one; loading does not look at more."""
    return {"first.weight": torch.arange(6.0).view(3, 2), "first.bias": torch.ones(3)}


@pytest.fixture
def net():
    class Small(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(2, 3)

    return Small()


@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"model": e}, lambda e: {"model": e, "epoch": 3}])
def test_both_layouts_are_loaded(tmp_path, net, entries, wrap):
    torch.save(wrap(entries), tmp_path / "weights.pth")
    checkpoint.load(net, tmp_path / "weights.pth")

    assert torch.equal(net.first.weight, entries["first.weight"])
    assert not net.training


def test_missing_unknown_and_misshapen_entries_are_named(tmp_path, net, entries):
    del entries["first.bias"]
    entries["second.bias"], entries["first.weight"] = torch.ones(1), torch.ones(2, 2)
    torch.save(entries, tmp_path / "weights.pth")

    with pytest.raises(AssetError) as error:
        checkpoint.load(net, tmp_path / "weights.pth")
    assert "lacks first.bias; has unknown second.bias; has other shapes of first.weight" in str(error.value)
    assert "github.com/Jeff-sjtu/HybrIK" in str(error.value)


class Harm:
    def __reduce__(self):
        return (print, ("harm",))


@pytest.mark.parametrize("content", [{"model": Harm()}, [1], {"model": 3}, {"a": 1}])
def test_other_content_is_refused(tmp_path, content, capsys):
    torch.save(content, tmp_path / "weights.pth")

    with pytest.raises(AssetError, match=r"weights\.pth"):
        checkpoint.read(tmp_path / "weights.pth")
    assert "harm" not in capsys.readouterr().out


def test_missing_and_damaged_files_are_refused(tmp_path):
    with pytest.raises(AssetError, match="README"):
        checkpoint.read(tmp_path / "none.pth")
    (tmp_path / "bad.pth").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(AssetError, match="no checkpoint"):
        checkpoint.read(tmp_path / "bad.pth")
