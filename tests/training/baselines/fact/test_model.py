"""The network of FACT against loops over heads and tokens; loss, data and dances by their definition."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

import roma  # noqa: E402

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.fact.config import PRESETS, FactConfig  # noqa: E402
from training.baselines.fact.dancing import dance  # noqa: E402
from training.baselines.fact.keras_adam import KerasAdam  # noqa: E402
from training.baselines.fact.losses import prediction_loss  # noqa: E402
from training.baselines.fact.model import FACT, Layer  # noqa: E402
from training.baselines.fact.representation import ROTATION, WIDTH, decode, encode, from_vectors  # noqa: E402
from training.data import representation  # noqa: E402
from training.data.representation import SmplMotion  # noqa: E402
from training.fitting.recipe import Recipe  # noqa: E402

SMALL = FactConfig(
    width=12, heads=3, feedforward=20, motion_layers=1, audio_layers=1, cross_layers=2,
    motion_frames=4, audio_frames=6, future=2, motion_width=9, music_dim=5, window=6, seeds=3,
)  # fmt: skip


@pytest.fixture
def small() -> FACT:
    torch.manual_seed(0)
    return FACT(SMALL).eval()


def plain_layer(weights: dict[str, np.ndarray], heads: int, x: np.ndarray) -> np.ndarray:
    """A layer of the transformer for one sequence (tokens, width), head by head and token by token."""

    def norm(name: str, rows: np.ndarray) -> np.ndarray:
        centred = rows - rows.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    tokens, width = x.shape
    size = width // heads
    projected = norm("attention_norm", x) @ weights["query_key_value.weight"].T
    attended = np.zeros_like(x)
    for head in range(heads):
        query, key, value = (
            projected[:, part * width + head * size : part * width + (head + 1) * size] for part in range(3)
        )
        for token in range(tokens):
            scores = np.array([query[token] @ key[other] for other in range(tokens)]) / math.sqrt(width)
            shares = np.exp(scores) / np.exp(scores).sum()
            attended[token, head * size : (head + 1) * size] = shares @ value
    x = x + attended @ weights["attention_output.weight"].T + weights["attention_output.bias"]
    hidden = norm("feedforward_norm", x) @ weights["inner.weight"].T + weights["inner.bias"]
    hidden = hidden / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)))
    return x + hidden @ weights["outer.weight"].T + weights["outer.bias"]


def test_attention_is_scaled_by_the_whole_width() -> None:
    torch.manual_seed(1)
    layer = Layer(SMALL).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    x = torch.randn(2, 7, SMALL.width, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    for one, expected in zip(layer(x).detach().numpy(), x.numpy(), strict=True):
        np.testing.assert_allclose(one, plain_layer(weights, SMALL.heads, expected), rtol=1e-12)


def test_music_of_the_whole_window_reaches_every_token(small: FACT) -> None:
    motion, audio = torch.randn(1, 4, 9), torch.randn(1, 6, 5)
    changed = audio.clone()
    changed[:, -1] += 1
    before, after = small(motion, audio, 10), small(motion, changed, 10)
    assert before.shape == (1, 10, 9)
    assert ((before - after).abs().amax(dim=-1) > 0).all()
    assert torch.allclose(small(motion, audio), before[:, :2])
    longer = torch.cat([motion, motion], dim=1), torch.cat([audio, audio], dim=1)
    assert torch.equal(small(*longer), small(motion, audio))


def test_first_values_are_those_of_keras() -> None:
    torch.manual_seed(0)
    model = FACT(FactConfig(width=200, motion_layers=1, audio_layers=1, cross_layers=1))
    bound = math.sqrt(6 / (200 + 600))
    weight = model.cross_transformer[0].query_key_value.weight
    assert 0.99 * bound < weight.abs().max() <= bound
    for values in (model.motion_positions, model.output.weight):
        assert 0.039 < values.abs().max() <= 0.04
        assert values.std().item() == pytest.approx(0.02 * 0.88, rel=0.03)  # of a normal cut at 2 σ
    assert model.output.bias.abs().max() == 0


def test_only_the_next_frames_are_supervised() -> None:
    motion = torch.arange(6.0).view(1, 6, 1).expand(1, 6, 9)
    predicted = motion[:, 4:] + torch.tensor([1.0, 3.0]).view(1, 2, 1)
    assert prediction_loss(predicted, motion).item() == pytest.approx((1 + 9) / 2)


def test_the_first_motions_of_the_training_are_remembered(small: FACT) -> None:
    motions = [torch.full((2, 6, 9), float(number)) for number in range(3)]
    for motion in motions:
        small.train()(motion, torch.randn(2, 6, 5))
    small.eval()(motions[2], torch.randn(2, 6, 5))
    assert small.known_seeds == 3
    assert small.seeds[:, 0, 0].tolist() == [0, 0, 1]
    assert small.seeds.shape == (3, 4, 9)


class LastFramePlusMusic(FACT):
    """Predicts the last frame plus the first number of the window's music."""

    def forward(self, motion: torch.Tensor, audio: torch.Tensor, frames: int | None = None) -> torch.Tensor:
        return (motion[:, -1:] + audio[:, :1, :1]).expand(-1, frames or 10, -1)


def test_a_dance_goes_on_while_there_is_a_whole_window_of_music() -> None:
    model = LastFramePlusMusic(SMALL)
    audio = torch.arange(9.0).view(1, 9, 1).expand(1, 9, 5)
    seed = torch.full((1, 4, 9), 10.0)
    danced = dance(model, seed, audio)
    assert danced[0, :, 0].tolist() == [10, 11, 13, 16]  # 9 − 6 + 1 windows, from frames 0, 1, 2, 3 of music
    assert torch.equal(dance(model, seed, audio, frames=3), danced[:, :3])
    with pytest.raises(InputError, match="5 frames of music"):
        dance(model, seed, audio[:, :5])
    with pytest.raises(InputError, match="seed has 3 frames"):
        dance(model, seed[:, :3], audio)


def test_motion_survives_its_vectors_and_bad_matrices_become_the_nearest_rotation() -> None:
    generator = torch.Generator().manual_seed(0)
    poses = torch.randn(5, 24, 3, generator=generator, dtype=torch.float64)
    motion = SmplMotion(poses, torch.randn(5, 3, generator=generator, dtype=torch.float64))
    vectors = encode(motion)
    assert vectors.shape == (5, WIDTH)
    assert torch.allclose(from_vectors(representation.encode(*motion)), vectors)
    assert vectors[:, :6].abs().max() == 0
    assert torch.equal(vectors[:, 9:18].view(5, 3, 3), roma.rotvec_to_rotmat(poses[:, 0]))
    back = decode(vectors)
    assert torch.equal(back.translation, motion.translation)
    assert torch.allclose(roma.rotvec_to_rotmat(back.poses), roma.rotvec_to_rotmat(poses))

    spoilt = vectors.clone()
    spoilt[:, ROTATION] += 0.8 * torch.randn(5, 216, generator=generator, dtype=torch.float64)
    matrices = spoilt[:, ROTATION].view(5, 24, 3, 3)
    fitted = roma.rotvec_to_rotmat(decode(spoilt).poses)
    nearest = ((fitted - matrices) ** 2).sum((-1, -2))
    for _ in range(50):  # no rotation nearby is nearer
        step = 0.02 * torch.randn(5, 24, 3, generator=generator, dtype=torch.float64)
        other = fitted @ roma.rotvec_to_rotmat(step)
        assert (((other - matrices) ** 2).sum((-1, -2)) > nearest).all()


def test_keras_adam_follows_its_formula() -> None:
    gradients = [0.5, -2.0, 1e-6]
    parameter = torch.nn.Parameter(torch.tensor([1.0], dtype=torch.float64))
    optimizer = KerasAdam([parameter], lr=0.1)
    value, mean, square = 1.0, 0.0, 0.0
    for step, gradient in enumerate(gradients, start=1):
        parameter.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        mean, square = 0.9 * mean + 0.1 * gradient, 0.999 * square + 0.001 * gradient**2
        rate = 0.1 * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        value -= rate * mean / (math.sqrt(square) + 1e-7)
        assert parameter.item() == pytest.approx(value, rel=1e-12)


def test_presets_and_their_learning_rates() -> None:
    released, paper = (Recipe(steps=1, **PRESETS[name].recipe) for name in ("released", "paper"))
    steps = (0, 99_999, 100_000, 149_999, 150_000, 2_000_000)
    rates = [released.learning_rate_at(step) for step in steps]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6, 1e-6])
    assert [paper.learning_rate_at(step) for step in steps[:3]] == pytest.approx([1e-4, 1e-5, 1e-6])
    with pytest.raises(InputError, match="7 heads do not divide"):
        FactConfig(heads=7)
    with pytest.raises(InputError, match="window of 139 frames is too short"):
        FactConfig(window=139, audio_frames=100)


def test_the_network_is_that_of_plain_layers() -> None:
    """With other positions and sizes than the recorded ones; the plain network is in `plain.py`."""
    spec = importlib.util.spec_from_file_location("plain_fact", Path(__file__).with_name("plain.py"))
    assert spec
    assert spec.loader
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    torch.manual_seed(2)
    other = plain.PlainFACT(12, 3, 20, layers=(1, 1, 2), frames=(4, 6), channels=(9, 5)).double()
    model = FACT(SMALL).double()
    with torch.no_grad():
        for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
            mine.copy_(theirs)
    motion, audio = (torch.randn(3, frames, width, dtype=torch.float64) for frames, width in ((4, 9), (6, 5)))
    torch.testing.assert_close(model(motion, audio, 10), other(motion, audio))
