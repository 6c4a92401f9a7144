"""The command that compares the network with recorded outputs."""

import subprocess
import sys
import zlib

import pytest
import torch
from click.testing import CliRunner

from hybrik_runner import check
from hybrik_runner.hybrik import recipe


def made(network):
    """A golden file's content, recorded from a network itself."""
    golden = {
        "salt": "S",
        "x": torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)),
        "bboxes": torch.tensor([[100.0, 50, 400, 350]]),
        "img_center": torch.tensor([[320.0, 240]]),
        "keys": list(network.state_dict()),
        "shapes": [tuple(value.shape) for value in network.state_dict().values()],
    }
    result = check.run(network, golden, "bbox")
    golden["outputs"] = {"bbox": {name: value for name, (value, _) in check.named(result).items()}}
    return golden


def test_differences_are_found(network):
    golden = made(network)
    golden["outputs"]["bbox"]["cam_root"] = golden["outputs"]["bbox"]["cam_root"] + 0.002
    golden["outputs"]["bbox"]["pred_phi"] = torch.full_like(golden["outputs"]["bbox"]["pred_phi"], torch.nan)

    found = list(check.compare(network, golden))

    assert {difference.output for difference in found if not difference.passed} == {"cam_root", "pred_phi"}
    assert {difference.run for difference in found} == {"bbox", "batch 1 / 1"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.pop("salt"), "lacks salt"),
        (lambda g: g["keys"].__setitem__(0, "other"), "keys or shapes differ"),
        (lambda g: g["shapes"].__setitem__(0, (3,)), "keys or shapes differ: init_shape"),
    ],
)
def test_another_file_is_refused(tmp_path, network, body_folder, change, message):
    golden = {"salt": "", "x": 0, "bboxes": 0, "img_center": 0, "outputs": {}}
    golden["keys"] = list(network.state_dict())
    golden["shapes"] = [tuple(value.shape) for value in network.state_dict().values()]
    change(golden)
    torch.save(golden, tmp_path / "golden.pt")
    result = CliRunner().invoke(check.check, [str(tmp_path / "golden.pt"), "--smpl", str(body_folder)])

    assert result.exit_code == 2
    assert message in result.output


def test_exit_code_of_a_difference(monkeypatch, tmp_path):
    monkeypatch.setattr(check, "read", lambda path: {})
    monkeypatch.setattr(check, "build", lambda golden, smpl: None)
    monkeypatch.setattr(check, "compare", lambda *_: [check.Difference("bbox", "transl", 0.5, 1e-3)])
    result = CliRunner().invoke(check.check, ["golden.pt", "--smpl", str(tmp_path)])

    assert result.exit_code == 1
    assert "TOO LARGE" in result.output


def test_the_rule_of_weights():
    """Each kind of entry, drawn again by hand."""
    state = {
        "a.weight": torch.zeros(2, 3, 1, 1), "bn.weight": torch.zeros(2), "bn.bias": torch.zeros(2),
        "bn.running_mean": torch.ones(2), "bn.running_var": torch.zeros(2), "smpl.v_template": torch.zeros(2),
        "init_cam": torch.zeros(1), "bn.num_batches_tracked": torch.tensor(3),
    }  # fmt: skip
    drawn = recipe.draw(state, "A")

    assert set(drawn) == {"a.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"}
    assert drawn["bn.running_var"].tolist() == [1, 1]
    noise = torch.randn(2, generator=torch.Generator().manual_seed(zlib.crc32(b"Abn.bias")))
    assert torch.equal(drawn["bn.bias"], 0.1 * noise)
    assert 0.1 < drawn["a.weight"].std() < 3
    assert recipe.draw(state, "B")["bn.bias"].tolist() != drawn["bn.bias"].tolist()


@pytest.mark.slow
def test_the_official_outputs_are_met_on_all_runs(shared, tmp_path):
    folder = shared / "golden" / "hybrik"
    subprocess.run([sys.executable, str(folder / "synthetic_smpl.py"), str(tmp_path)], check=True)
    result = CliRunner().invoke(check.check, [str(folder / "hrnet_w48_cam_a.pt"), "--smpl", str(tmp_path)])

    assert result.exit_code == 0, result.output
    assert {line.split()[0] for line in result.output.splitlines()} == {"plain", "bbox", "bbox_flip", "batch"}
    assert "pred_theta_mats" in result.output
