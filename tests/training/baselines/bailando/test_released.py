"""Released checkpoints by their names, and the comparison with recorded values."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.bailando import check  # noqa: E402
from training.baselines.bailando.config import PRESETS, GptConfig, VqVaeConfig  # noqa: E402
from training.baselines.bailando.gpt import DanceGpt  # noqa: E402
from training.baselines.bailando.released import (  # noqa: E402
    gpt_names,
    load_released_gpt,
    load_released_vqvae,
    vqvae_names,
)
from training.baselines.bailando.representation import Halves  # noqa: E402
from training.baselines.bailando.vqvae import MotionVqVae  # noqa: E402

VQVAE = VqVaeConfig(width=6, residual_width=5, embedding=4, codes=7, levels=2, depth=2, dilation_growth=2)
GPT = GptConfig(
    width=12, heads=3, base_layers=2, head_layers=1, critic_layers=1, block=6, codes=7, music_width=4
)


def named(model: torch.nn.Module, names: Any, front: str = "module.") -> dict[str, torch.Tensor]:
    own = model.state_dict()
    weights = {front + theirs: own[ours] for ours, theirs in names}
    for name in weights:
        if name.endswith("pos_emb"):
            weights[name] = weights[name].reshape(1, -1, weights[name].shape[-1])
    return weights


def shapes(model: torch.nn.Module, names: Any) -> dict[str, list[int]]:
    return {name: list(weight.shape) for name, weight in named(model, names).items()}


def test_names_and_shapes_at_the_released_size(shared: Path) -> None:
    path = shared / "golden/baselines/bailando/released_shapes.json"
    vqvae, gpt = json.loads(path.read_text(encoding="utf-8")).values()
    with torch.device("meta"):
        released = PRESETS["released"].model
        ours = shapes(MotionVqVae(released.vqvae), vqvae_names(released.vqvae))
        assert ours == vqvae
        ours = shapes(DanceGpt(released.gpt), gpt_names(released.gpt))
    assert ours == {name: shape for name, shape in gpt.items() if not name.endswith("attn.mask")}


def test_every_parameter_has_one_released_name() -> None:
    for model, names in ((MotionVqVae(VQVAE), vqvae_names(VQVAE)), (DanceGpt(GPT), gpt_names(GPT))):
        pairs = list(names)
        own = {name for name, _ in model.named_parameters()}
        assert own == {ours for ours, _ in pairs if not ours.endswith("codebook.vectors")}
        assert len({theirs for _, theirs in pairs}) == len(pairs)


@pytest.fixture
def easy_dict(monkeypatch: pytest.MonkeyPatch) -> type:
    """The class of the configuration in released files, which is not installed here."""

    class EasyDict(dict):
        def __init__(self, **items: Any) -> None:
            super().__init__(**items)
            self.__dict__.update(items)

    EasyDict.__module__, EasyDict.__qualname__ = "easydict", "EasyDict"
    module = types.ModuleType("easydict")
    module.EasyDict = EasyDict
    monkeypatch.setitem(sys.modules, "easydict", module)
    return EasyDict


def test_checkpoints_with_their_configuration(
    tmp_path: Path, easy_dict: Any, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    vqvae, gpt = MotionVqVae(VQVAE).eval(), DanceGpt(GPT).eval()
    for half in (vqvae.up, vqvae.down):
        half.codebook.start(torch.randn(7, 4))
    structure = easy_dict(structure=easy_dict(vqvae=easy_dict(dilation_growth_rate=2, l_mu=0.9)))
    saved = {"model": named(vqvae, vqvae_names(VQVAE)), "config": structure, "epoch": 500}
    torch.save(saved, tmp_path / "vqvae.pt")
    weights = named(gpt, gpt_names(GPT))
    weights["module.gpt_base.blocks.0.attn.mask"] = torch.ones(1, 1, 6, 6)
    torch.save({"model": weights, "config": easy_dict(gpt=easy_dict(n_head=3))}, tmp_path / "gpt.pt")
    sys.modules.pop("easydict")

    with caplog.at_level(logging.WARNING):
        loaded = load_released_vqvae(tmp_path / "vqvae.pt")
        actor = load_released_gpt(tmp_path / "gpt.pt")
    assert [record.getMessage().count("non-commercial") for record in caplog.records] == [1, 1]
    assert (loaded.config.decay, loaded.config.dilation_growth, actor.config.heads) == (0.9, 2, 3)
    motion = torch.randn(2, 8, 72)
    for found, expected in zip(loaded.encode(motion), vqvae.encode(motion), strict=True):
        assert torch.equal(found, expected)
    assert torch.equal(loaded.decode(loaded.encode(motion)), vqvae.decode(vqvae.encode(motion)))
    assert loaded.up.codebook.started
    codes, music = Halves(*torch.randint(7, (2, 1, 5))), torch.randn(1, 5, 4)
    assert torch.equal(actor(codes, music).up, gpt(codes, music).up)
    assert torch.equal(actor.values(codes, music), gpt.values(codes, music))


def test_earlier_stages_lack_parts(tmp_path: Path) -> None:
    torch.save({"model": named(MotionVqVae(VQVAE), vqvae_names(VQVAE, rooted=False))}, tmp_path / "one.pt")
    assert load_released_vqvae(tmp_path / "one.pt").config.codes == 7
    early = {"model": named(DanceGpt(GPT), gpt_names(GPT, judged=False)), "config": {"n_head": 3}}
    torch.save(early, tmp_path / "three.pt")
    assert load_released_gpt(tmp_path / "three.pt").config.critic_layers == 3


def test_files_of_another_model_get_one_line(tmp_path: Path) -> None:
    path = tmp_path / "file.pt"
    weights = named(MotionVqVae(VQVAE), vqvae_names(VQVAE))
    torch.save({"model": weights}, path)
    with pytest.raises(InputError, match=r"file\.pt: does not contain Bailando's GPT"):
        load_released_gpt(path)
    del weights["module.vqvae_down.decoders.0.out.bias"]
    torch.save({"model": weights}, path)
    with pytest.raises(InputError, match=r"has no vqvae_down\.decoders\.0\.out\.bias"):
        load_released_vqvae(path)
    torch.save({"model": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="weights by name"):
        load_released_vqvae(path)


def test_recorded_values_are_met(shared: Path) -> None:
    done = CliRunner().invoke(check.check, [str(shared / "golden/baselines/bailando")], standalone_mode=False)
    assert done.return_value == 0
    assert "all 113 differences are small" in done.output


def test_wrong_values_are_noticed(shared: Path, tmp_path: Path) -> None:
    for file in (shared / "golden/baselines/bailando").iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    vqvae, gpt = (torch.load(tmp_path / name, weights_only=True) for name in ("vqvae_io.pt", "gpt_io.pt"))
    vqvae["codes_up"][1, 3] += 1
    vqvae["codebook_12x6"][2]["k_after"][3, 1] += 0.01
    gpt["actor_critic"]["reward_rate0"][0, 5] *= -1
    gpt["sample"]["shift15_down"][0, -1] += 1
    torch.save(vqvae, tmp_path / "vqvae_io.pt")
    torch.save(gpt, tmp_path / "gpt_io.pt")
    parts = (check.vqvae, check.codebook, check.gpt, check.actor_critic)
    found = [difference for part in parts for difference in part.differences(tmp_path)]
    assert [difference.name for difference in found if not difference.fine][:1] == ["codes, up"]
    assert {difference.name for difference in found if not difference.fine} >= {
        "codes, up",
        "codebook alone, batch 2: vectors",
        "dance, shift 15: codes, down",
        "reward rate0",
    }
    del gpt["sample"]
    torch.save(gpt, tmp_path / "gpt_io.pt")
    with pytest.raises(InputError, match="'sample'"):
        list(check.gpt.differences(tmp_path))


def test_records_of_another_size_are_met(record: Path) -> None:
    parts = (check.vqvae, check.codebook, check.gpt, check.actor_critic)
    found = [difference for part in parts for difference in part.differences(record)]
    assert [difference for difference in found if not difference.fine] == []
    assert len(found) > 60
