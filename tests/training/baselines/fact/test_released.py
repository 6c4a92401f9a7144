"""Released weights of FACT by their names, and the comparison with recorded values."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.fact import check  # noqa: E402
from training.baselines.fact.config import PRESETS, FactConfig  # noqa: E402
from training.baselines.fact.model import FACT  # noqa: E402
from training.baselines.fact.released import correspondence, load_released  # noqa: E402

SMALL = FactConfig(
    width=12, heads=3, feedforward=20, motion_layers=2, audio_layers=1, cross_layers=3,
    motion_frames=4, audio_frames=6, future=2, motion_width=9, music_dim=5, window=6,
)  # fmt: skip
BEHIND = "/.ATTRIBUTES/VARIABLE_VALUE"


def variables(model: FACT) -> dict[str, np.ndarray]:
    """The weights of a network as TensorFlow names and stores them."""
    own = {name: value.detach().numpy() for name, value in model.named_parameters()}
    return {
        theirs: own[ours].T if theirs.endswith("kernel") else own[ours]
        for ours, theirs in correspondence(model.config)
    }


def test_every_parameter_has_one_released_name() -> None:
    model = FACT(SMALL)
    ours = [name for name, _ in correspondence(SMALL)]
    assert sorted(ours) == sorted(name for name, _ in model.named_parameters())
    assert len(set(variables(model))) == len(ours)


def test_names_and_shapes_at_the_released_size(shared: Path) -> None:
    path = shared / "golden/baselines/fact/released_shapes.json"
    shapes = json.loads(path.read_text(encoding="utf-8"))
    with torch.device("meta"):
        model = FACT(PRESETS["released"].model)
    own = {name: list(value.shape) for name, value in model.named_parameters()}
    assert {
        f"model/{theirs}": own[ours][::-1] if theirs.endswith("kernel") else own[ours]
        for ours, theirs in correspondence(model.config)
    } == shapes
    assert round(sum(value.numel() for value in model.parameters()) / 1e6, 1) == 120.4


@pytest.mark.parametrize(("front", "behind"), [("", ""), ("model/", BEHIND)])
def test_weights_survive_their_released_names(tmp_path: Path, front: str, behind: str) -> None:
    torch.manual_seed(0)
    model = FACT(SMALL).eval()
    named = {f"{front}{name}{behind}": value for name, value in variables(model).items()}
    np.savez(tmp_path / "fact.npz", **named, **{"optimizer/iter": np.array(3)})
    loaded = load_released(tmp_path / "fact.npz", heads=3)
    assert not loaded.training
    motion, audio = torch.randn(2, 4, 9), torch.randn(2, 6, 5)
    assert torch.equal(loaded(motion, audio, 10), model(motion, audio, 10))


def test_files_that_are_no_fact_get_one_line(tmp_path: Path) -> None:
    path, named = tmp_path / "fact.npz", variables(FACT(SMALL))

    def refused(message: str, **content: np.ndarray) -> None:
        np.savez(path, **content)
        with pytest.raises(InputError, match=message):
            load_released(path, heads=3)

    refused("does not contain a FACT", a=np.zeros(3))
    lacking = {name: value for name, value in named.items() if not name.endswith("to_out/bias")}
    refused("has no .*to_out/bias", **lacking)
    refused("has the shape", **(named | {"cross_modal_layer/cross_output_layer/bias": np.zeros(8)}))
    path.write_bytes(b"PK no archive")
    with pytest.raises(InputError, match="is damaged"):
        load_released(path)
    with pytest.raises(InputError, match="not readable"):
        load_released(tmp_path / "none.npz")


def test_recorded_values_are_met_and_wrong_ones_noticed(shared: Path, tmp_path: Path) -> None:
    folder = shared / "golden/baselines/fact"
    done = CliRunner().invoke(check.check, [str(folder)], standalone_mode=False)
    assert done.return_value == 0
    assert "all 10 differences are small" in done.output

    shutil.copy(folder / "weights.npz", tmp_path)
    recorded = dict(np.load(folder / "io.npz"))
    recorded["auto_regressive"][1, 3, 7] += 0.01
    recorded["adam_lr1e3_losses"][2] = np.nan
    np.savez(tmp_path / "io.npz", **recorded)
    bad = [difference.name for difference in check.differences(tmp_path) if not difference.fine]
    assert bad == ["auto regressive", "loss after 2 steps of Adam"]
    del recorded["target"]
    np.savez(tmp_path / "io.npz", **recorded)
    with pytest.raises(InputError, match="'target"):
        list(check.differences(tmp_path))


def test_records_of_another_size_are_met(tmp_path: Path) -> None:
    """A record made here, at sizes that share no number with the recorded ones."""
    torch.manual_seed(3)
    model = FACT(SMALL).eval()
    np.savez(tmp_path / "weights.npz", **variables(model))
    motion, audio, target = torch.randn(2, 4, 9), torch.randn(2, 7, 5), torch.randn(2, 2, 9)
    with torch.no_grad():
        output = model(motion, audio[:, :6], 10)
        second = model(torch.cat([motion[:, 1:], output[:, :1]], dim=1), audio[:, 1:])
        danced = torch.stack([output[:, 0], second[:, 0]], dim=1)
    loss = ((model(motion, audio[:, :6]) - target) ** 2).mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    sizes = (
        "hidden=12 heads=3 intermediate=20 audio_layers=1 motion_layers=2 cross_layers=3 motion_len=4 "
        "audio_len=6 future=2 out_dim=9 audio_dim=5"
    )
    arrays = {
        "motion_input": motion,
        "audio": audio,
        "target": target,
        "motion_features": model.encode_motion(motion),
        "audio_features": model.encode_audio(audio[:, :6])[:1],
        "output": output,
        "auto_regressive": danced,
        "loss": loss,
        "grad_global_norm": torch.cat([gradient.flatten() for gradient in gradients]).norm(),
        "adam_lr1e3_losses": loss[None],
    }
    np.savez(
        tmp_path / "io.npz",
        config=np.array(sizes.split()),
        lr_steps=np.array([0, 120_000]),
        lr_values=np.array([1e-4, 1e-5]),
        **{name: value.detach().numpy() for name, value in arrays.items()},
    )
    found = list(check.differences(tmp_path))
    assert [difference.name for difference in found if not difference.fine] == []
    assert len(found) == 8
