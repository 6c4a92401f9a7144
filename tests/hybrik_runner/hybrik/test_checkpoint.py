"""Checkpoints: the two layouts that are used, and what is refused."""

import pytest
import torch

from hybrik_runner.hybrik import checkpoint, heads
from hybrik_runner.hybrik.network import HybrIK
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
    with pytest.raises(AssetError, match="not a checkpoint"):
        checkpoint.read(tmp_path / "bad.pth")


@pytest.fixture(scope="module")
def small_weights():
    """Entries of the ResNet-34 variant, the body among them."""
    torch.manual_seed(2)
    return HybrIK(backbone="resnet34").state_dict()


@pytest.fixture
def written(tmp_path, small_weights):
    def write(change=lambda entries: None):
        entries = dict(small_weights)
        change(entries)
        torch.save({"model": entries}, tmp_path / "weights.pth")
        return tmp_path / "weights.pth"

    return write


def without(*prefixes):
    def change(entries):
        for key in [key for key in entries if key.startswith(prefixes)]:
            del entries[key]

    return change


def test_the_backbone_is_chosen_by_the_names(network, small_weights, tmp_path):
    assert checkpoint.backbone(network.state_dict(), tmp_path) == "hrnet_w48"
    assert checkpoint.backbone(small_weights, tmp_path) == "resnet34"


def test_a_network_from_its_file_alone(written, small_weights):
    path = written()
    made = checkpoint.network(path)

    assert made.backbone == "resnet34"
    assert not made.training
    state = made.state_dict()
    assert state.keys() == small_weights.keys()
    assert all(torch.equal(state[key], value) for key, value in small_weights.items())
    assert checkpoint.check(path) == checkpoint.Content("resnet34", body=True)


def test_a_file_without_a_body_needs_the_folder(written, body_folder):
    path = written(without("smpl.", "init_"))

    assert checkpoint.check(path) == checkpoint.Content("resnet34", body=False)
    with pytest.raises(AssetError, match=r"no body.*pose\.smpl_dir"):
        checkpoint.network(path)
    made = checkpoint.network(path, body_folder)
    assert made.smpl.v_template.abs().max() > 0.5
    assert made.init_cam.tolist() == pytest.approx([0.9, 0, 0])


def test_an_old_file_without_uncertainties(written, caplog):
    """Their place is taken by a constant at which the camera's scale stays as predicted."""
    path = written(without("decsigma."))
    made = checkpoint.network(path)

    assert "contains no uncertainty outputs" in caplog.text
    sigma = made.decsigma(torch.randn(2, 1024)).sigmoid()
    assert torch.equal(sigma, sigma[:1, :1].expand_as(sigma))
    scale = torch.tensor([[0.7], [1.1]])
    refined = heads.refine_scale(torch.rand(2, 29, 3), torch.rand(2, 24, 3), sigma, scale, None)
    assert torch.equal(refined, scale)
    assert checkpoint.check(path).backbone == "resnet34"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("preact.layer4."), "neither HRNet-W48 nor ResNet-34: its weights begin with init_shape"),
        (without("deccam."), "predicts no camera"),
        (without("preact.layer3.5."), "another depth than 34"),
        (without("fc1."), r"lacks fc1\.weight, fc1\.bias"),
        (lambda entries: entries.update({"decleaf.weight": torch.ones(1)}), r"has unknown decleaf\.weight"),
        (
            lambda entries: entries.update({"deccam.weight": torch.ones(1, 1024)}),
            r"other shapes of deccam\.weight",
        ),
    ],
)
def test_other_networks_are_refused_with_the_reason(written, change, message):
    path = written(change)
    for function in (checkpoint.check, checkpoint.network):
        with pytest.raises(AssetError, match=message) as error:
            function(path)
        assert "\n" not in str(error.value)
