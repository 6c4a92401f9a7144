"""Encoder and decoder against loops over time, and the losses of stages 1 and 2 against their sums."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.config import VqVaeConfig  # noqa: E402
from training.baselines.bailando.reconstruction_losses import (  # noqa: E402
    stage_one_loss,
    stage_two_loss,
)
from training.baselines.bailando.representation import split, without_velocity  # noqa: E402
from training.baselines.bailando.vqvae import Decoder, Encoder, MotionVqVae  # noqa: E402

SMALL = VqVaeConfig(width=5, residual_width=3, embedding=4, codes=7, levels=2, depth=2)

Weights = dict[str, np.ndarray]


def convolution(x: np.ndarray, weights: Weights, name: str, *, stride=1, padding=0, dilation=1) -> np.ndarray:
    """(channels, time) → (outputs, time'), sum by sum; the input is zero outside."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    outputs, _, size = kernel.shape
    steps = (x.shape[1] + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    y = np.zeros((outputs, steps))
    for step in range(steps):
        y[:, step] = bias
        for place in range(size):
            time = step * stride - padding + place * dilation
            if 0 <= time < x.shape[1]:
                y[:, step] += kernel[:, :, place] @ x[:, time]
    return y


def spread(x: np.ndarray, weights: Weights, name: str) -> np.ndarray:
    """The transposed convolution of kernel 4, stride 2, padding 1: every input adds to four outputs."""
    kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    y = np.zeros((kernel.shape[1], 2 * x.shape[1])) + bias[:, None]
    for time in range(x.shape[1]):
        for place in range(4):
            if 0 <= (step := 2 * time - 1 + place) < y.shape[1]:
                y[:, step] += x[:, time] @ kernel[:, :, place]
    return y


def residual(x: np.ndarray, weights: Weights, name: str, dilation: int) -> np.ndarray:
    hidden = convolution(np.maximum(x, 0), weights, f"{name}.dilated", padding=dilation, dilation=dilation)
    return x + convolution(np.maximum(hidden, 0), weights, f"{name}.pointwise")


def weights_of(module: torch.nn.Module) -> Weights:
    return {name: value.detach().numpy() for name, value in module.named_parameters()}


def test_encoder_halves_the_rate_on_each_level() -> None:
    torch.manual_seed(0)
    encoder = Encoder(6, SMALL).double()
    motion = torch.randn(1, 12, 6, dtype=torch.float64)
    weights, x = weights_of(encoder), motion[0].numpy().T
    for level in range(2):
        x = convolution(x, weights, f"levels.{level}.0", stride=2, padding=1)
        for block, dilation in ((1, 1), (2, 3)):
            x = residual(x, weights, f"levels.{level}.{block}", dilation)
    expected = convolution(x, weights, "output", padding=1)
    assert expected.shape == (4, 3)
    np.testing.assert_allclose(encoder(motion)[0].detach(), expected, rtol=1e-10)


def test_decoder_has_its_largest_dilation_first() -> None:
    torch.manual_seed(0)
    decoder = Decoder(6, SMALL).double()
    features = torch.randn(1, 4, 3, dtype=torch.float64)
    weights = weights_of(decoder)
    x = convolution(features[0].numpy(), weights, "input", padding=1)
    for level in range(2):
        for block, dilation in ((0, 3), (1, 1)):
            x = residual(x, weights, f"levels.{level}.{block}", dilation)
        x = spread(x, weights, f"levels.{level}.2")
    expected = convolution(x, weights, "output", padding=1)
    assert expected.shape == (6, 12)
    np.testing.assert_allclose(decoder(features)[0].detach().T, expected, rtol=1e-10)


@pytest.fixture
def model() -> MotionVqVae:
    torch.manual_seed(0)
    network = MotionVqVae(SMALL).eval()
    for half in (network.up, network.down):
        half.codebook.start(torch.randn(7, 4))
    return network


def test_codes_ignore_the_velocity_and_decoding_restores_it(model: MotionVqVae) -> None:
    motion = torch.randn(2, 16, 72)
    codes = model.encode(motion)
    assert codes.up.shape == codes.down.shape == (2, 16 // SMALL.frames_per_code)
    assert all(torch.equal(a, b) for a, b in zip(codes, model.encode(without_velocity(motion)), strict=True))
    decoded = model.decode(codes)
    assert torch.equal(decoded[..., :3], model.velocity(codes.down))
    assert torch.equal(split(decoded).up, model.up.decode(codes.up))
    assert torch.equal(split(decoded).down[..., 3:], model.down.decode(codes.down)[..., 3:])


def test_stage_one_compares_positions_velocities_and_accelerations(model: MotionVqVae) -> None:
    motion = torch.randn(2, 16, 72)
    expected = []
    for half, channels in zip((model.up, model.down), split(without_velocity(motion)), strict=True):
        features = half.encoder(channels).detach()
        restored, truth = half.decode(half.encode(channels)).detach().numpy(), channels.numpy()
        chosen = half.codebook.look_up(half.encode(channels))
        parts = [np.abs(np.diff(restored, n, axis=1) - np.diff(truth, n, axis=1)).mean() for n in range(3)]
        expected.append(sum(parts) + 0.02 * float(((features - chosen) ** 2).mean()))
    assert stage_one_loss(model.reconstruct(motion), motion, 0.02).total.item() == pytest.approx(
        np.mean(expected), rel=1e-5
    )


def test_stage_two_trains_the_decoder_of_the_velocity_only(model: MotionVqVae) -> None:
    motion = torch.randn(2, 16, 72)
    loss = stage_two_loss(model.restore_velocity(motion), motion)
    restored = model.velocity(model.encode(motion).down).detach().numpy()
    truth = motion[..., :3].numpy()
    parts = [np.abs(np.diff(restored, n, axis=1) - np.diff(truth, n, axis=1)).mean() for n in (0, 1)]
    assert loss.total.item() == pytest.approx(sum(parts), rel=1e-5)
    loss.total.backward()
    learning = {name.split(".")[0] for name, value in model.named_parameters() if value.grad is not None}
    assert learning == {"root_decoder"}


def test_a_training_step_is_that_of_plain_layers() -> None:
    """Loss, gradients and the codebook after a step; the plain network is in `plain.py`."""
    spec = importlib.util.spec_from_file_location("plain_vqvae", Path(__file__).with_name("plain.py"))
    assert spec
    assert spec.loader
    plain = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plain)
    torch.manual_seed(1)
    other = plain.PlainVqVae(width=6, codes=7, levels=2, depth=2).double()
    network = MotionVqVae(
        VqVaeConfig(width=6, residual_width=6, embedding=6, codes=7, levels=2, depth=2)
    ).double()
    halves = ((network.up, other.up), (network.down, other.down))
    for mine, theirs in halves:
        with torch.no_grad():
            for one, value in zip(mine.parameters(), theirs.parameters(), strict=True):
                one.copy_(value)
        theirs.vectors, theirs.sums = theirs.vectors.double(), theirs.sums.double()
        theirs.counts = 3 * theirs.counts.double()  # no vector is replaced at random
        mine.codebook.start(theirs.vectors)
        mine.codebook.counts.copy_(theirs.counts)
    motion = torch.randn(2, 16, 72, dtype=torch.float64)
    expected, loss = (
        other.loss(motion),
        stage_one_loss(network.train().reconstruct(motion), motion, 0.02).total,
    )
    torch.testing.assert_close(loss, expected)
    expected.backward()
    loss.backward()
    for mine, theirs in halves:
        for one, value in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one.grad, value.grad)
        torch.testing.assert_close(mine.codebook.vectors, theirs.vectors)
        torch.testing.assert_close(mine.codebook.counts, theirs.counts)
