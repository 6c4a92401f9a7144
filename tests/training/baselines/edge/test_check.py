"""Recorded values of EDGE are met, and a wrong value is noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from popdanceset.errors import InputError
from training.baselines.edge import check
from training.baselines.edge.released import load_released


def test_the_recorded_values_are_met(golden: Path) -> None:
    found = list(check.differences(golden))
    assert len(found) > 80
    assert [difference.name for difference in found if not difference.fine] == []


@pytest.fixture(scope="module")
def record(plain: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the plain network recorded, at other sizes than those of the golden values."""
    folder = tmp_path_factory.mktemp("record")
    torch.manual_seed(3)
    sizes = {"width": 24, "ff": 32, "heads": 3, "layers": 1, "music_dim": 7, "window": 8}
    network = plain.PlainEDGE(**sizes).eval()
    config = {"num_heads": 3, "guidance_weight": 2, "n_timestep": 1000}
    torch.save({"config": config, "state_dict": network.state_dict()}, folder / "weights.pt")
    with torch.no_grad():
        torch.save(_passes(plain, network), folder / "io.pt")
        network.null_cond_embed.data = network.null_cond_embed[:, :6]
        torch.save(_samples(plain, network), folder / "samplers.pt")
    torch.save(_pipeline(plain), folder / "pipeline.pt")
    return folder


def _passes(plain: ModuleType, network: Any) -> dict[str, Any]:
    x_start, noise, music = torch.rand(2, 8, 151) * 2 - 1, torch.randn(2, 8, 151), torch.randn(2, 8, 7)
    t, keep = torch.tensor([60, 700]), torch.tensor([True, False])
    x_t = plain.noisy(x_start, noise, t)
    cond, uncond, twice = (plain.guided(network, x_t, t, music, weight) for weight in (1, 0, 2))
    parts = plain.loss_parts(network(x_t, t, music, keep), x_start)
    table = {name: values[t].view(-1, 1, 1) for name, values in plain.schedule().items()}
    clean = cond.clamp(-1, 1)  # guided by 1, as the first timestep is below 100
    mean = table["posterior_mean_coef1"] * clean + table["posterior_mean_coef2"] * x_t
    step = {
        "t": t,
        "mean": mean[:1],
        "var": table["posterior_variance"],
        "logvar": table["posterior_log_variance_clipped"],
        "x_recon": clean[:1],
    }
    loss = {"t": t, "keep_mask": keep, "total": sum(parts), "weighted_components": torch.stack(parts)}
    watched = {"input_projection": network.input_projection(x_t)[:1]}
    return {
        "x_start": x_start, "noise": noise, "music": music, "t": t, "x_t": x_t,
        "cond": cond, "uncond": uncond, "guided_w2": twice, "intermediate_first_sample": watched,
        "p_losses": {"one": loss}, "p_mean_variance": {"t0=60": step},
    }  # fmt: skip


def _samples(plain: ModuleType, network: Any) -> dict[str, Any]:
    record: dict[str, Any] = {}
    rising = [min(2.0, 4.0 * step / 49) for step in range(50)]
    for name, windows, weights in (("ddim", 1, [2.0] * 50), ("long_ddim", 3, rising)):
        music, noises = torch.randn(windows, 6, 7), torch.randn(50, windows, 6, 151)
        states = plain.ddim(network, music, noises, weights, name != "ddim")
        before = {step: states[step] for step in (1, 30)}
        record[name] = {"music": music, "noises": noises, "sample": states[-1], "x_before_step": before}
    x, music, noise = torch.randn(2, 6, 151), torch.randn(2, 6, 7), torch.randn(2, 6, 151)
    record["p_sample_input"] = {"x": x, "music": music}
    record["p_sample"] = {}
    for t in (300, 20, 0):
        made, start = plain.p_sample(network, x, t, music, noise)
        record["p_sample"][t] = {"noise": noise, "x_out": made, "x_start": start}

    value, mask, noises = torch.rand(2, 6, 151), torch.rand(2, 6, 151) < 0.3, torch.randn(5, 2, 6, 151)
    made, source = x, iter(noises)
    for t in (2, 1, 0):
        made, _ = plain.p_sample(network, made, t, music, next(source))
        if t:
            known = plain.noisy(value, next(source), torch.tensor([t - 1]))
            made = torch.where(mask, known, made)
    record["inpaint_start3"] = {
        "x_T": x, "music": music, "mask": mask, "value": value, "noises": noises, "sample": made
    }  # fmt: skip
    made = x
    for t, fresh in zip((1, 0), noises, strict=False):
        made, _ = plain.p_sample(network, made, t, music, fresh)
        if t:
            made[1:, :3] = made[:-1, 3:]
    record["long_ancestral_start2"] = {"x_T": x, "music": music, "noises": noises, "sample": made}
    return record


def _pipeline(plain: ModuleType) -> dict[str, Any]:
    """A dance that stands and slides, whose values need no other code; and torch's own rotations."""
    raw = torch.zeros(2, 8, 3)
    raw[..., 1] = torch.arange(16).view(2, 8)  # upwards, and 2 m in the units of a scaling of 2 a sixtieth
    upright = torch.tensor([1.0, 0, 0, 0, 0, -1])  # x stays, y up becomes z up
    vectors = torch.zeros(2, 4, 151)
    vectors[..., 6] = raw[:, ::2, 1] / 2
    vectors[:, -1, :4] = 1
    vectors[..., 7:] = torch.tensor([1.0, 0, 0, 0, 1, 0]).repeat(24)
    vectors[..., 7:13] = upright
    low, high = vectors.flatten(0, 1).amin(0), vectors.flatten(0, 1).amax(0)
    width = torch.where(high > low, high - low, torch.ones(151))
    scaled = (vectors - low) * 2 / width - 1
    joints = plain.joints(vectors)
    poses = torch.zeros(6, 24, 3)
    poses[:, 0, 0] = torch.pi / 2
    first, second = vectors[..., 6]
    up = torch.cat([first[:3], second[1:]])  # two shared frames fade from the first window to the second
    shift = torch.nn.functional.pad(up[:, None], (2, 0))
    table = plain.schedule()
    grads = [[torch.full((3,), 2.0)]]
    return {
        "raw": {"pos": raw, "q": torch.zeros(2, 8, 72), "scale": torch.tensor([2.0])},
        "unnormalised": vectors,
        "normalised": scaled,
        "scaler": {"data_min_": low, "data_max_": high, "scale_": 2 / width, "min_": -1 - low * 2 / width},
        "stitch": {
            "samples": scaled,
            "smpl_poses": poses.flatten(1),
            "smpl_trans": shift,
            "full_pose": joints[0, :1] - vectors[0, :1, None, 4:7] + shift[:, None],
        },
        "fk": {
            "axis_angle": poses[:1],
            "root": torch.ones(1, 3),
            "joints": joints[0, :1] - vectors[0, :1, None, 4:7] + 1,
            "six_d_of_axis_angle": vectors[0, :1, 7:].view(1, 24, 6),
            "raw_six": torch.tensor([[2.0, 0, 0, 5, 3, 0]]),
            "matrix_of_raw_six": torch.eye(3)[None],
        },
        "adan": {
            "lr": 0.1, "weight_decay": 0.5, "betas": (0.02, 0.08, 0.01), "eps": 1e-8,
            "params0": [torch.ones(3)], "grads": grads, "params_after": [[torch.full((3,), 1 / 1.05)]],
        },
        "schedule": {"index": torch.arange(1000), **table},
    }  # fmt: skip


def test_what_the_plain_network_recorded_is_met(record: Path) -> None:
    found = list(check.differences(record))
    assert len(found) > 40
    assert [difference for difference in found if not difference.fine] == []


def test_a_wrong_value_is_noticed(record: Path, tmp_path: Path) -> None:
    shutil.copytree(record, tmp_path, dirs_exist_ok=True)
    for name, key in (("io", "uncond"), ("pipeline", "unnormalised")):
        saved = torch.load(tmp_path / f"{name}.pt", weights_only=True)
        saved[key][0, 0, 3] = float("nan") if key == "uncond" else saved[key][0, 0, 3] + 0.01
        torch.save(saved, tmp_path / f"{name}.pt")
    result = CliRunner().invoke(check.check, [str(tmp_path)], standalone_mode=False)
    assert result.return_value == 1
    lines = [line for line in result.output.splitlines() if "TOO LARGE" in line]
    assert any("uncond" in line for line in lines)
    assert any("pipeline: vectors" in line for line in lines)
    (tmp_path / "pipeline.pt").unlink()
    with pytest.raises(InputError, match=r"pipeline.pt: not readable"):
        list(check.differences(tmp_path))


def test_all_released_weights_have_a_place(shared: Path, plain: ModuleType, tmp_path: Path) -> None:
    """The plain network has exactly the released names; with other sizes, the shapes follow them."""
    path = shared / "golden/baselines/edge/released_shapes.json"
    released: dict[str, Any] = next(iter(json.loads(path.read_text()).values()))
    with torch.device("meta"):
        network = plain.PlainEDGE(width=512, ff=1024, heads=8, layers=8, music_dim=4800, window=150)
    own = {name: list(value.shape) for name, value in network.state_dict().items()}
    assert own == released
    small = plain.PlainEDGE(width=16, ff=24, heads=2, layers=8, music_dim=35, window=10)
    torch.save({"ema_state_dict": small.state_dict()}, tmp_path / "edge.pt")
    model = load_released(tmp_path / "edge.pt", heads=2).model
    ours = sum(p.numel() for p in model.parameters())
    # Key biases affect no output and are left out: one for each of 2 + 2 · 8 attentions.
    assert ours == sum(p.numel() for p in small.parameters()) - 18 * 16


def test_files_that_are_not_of_edge_get_one_line(plain: ModuleType, tmp_path: Path) -> None:
    weights = plain.PlainEDGE(width=16, ff=24, heads=2, layers=1, music_dim=5, window=10).state_dict()
    without = {name: weight for name, weight in weights.items() if name != "final_layer.bias"}
    forms = {
        "foreign.pt": ({"a": torch.zeros(2)}, "does not contain weights of EDGE"),
        "without.pt": (without, "has no final_layer.bias"),
        "shape.pt": ({**weights, "final_layer.weight": torch.zeros(151, 9)}, "final_layer.weight of 151 × 9"),
    }
    for name, (content, message) in forms.items():
        torch.save(content, tmp_path / name)
        with pytest.raises(InputError, match=message) as caught:
            load_released(tmp_path / name, heads=2)
        assert "\n" not in str(caught.value)
