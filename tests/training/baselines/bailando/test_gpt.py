"""The network that continues codes, against loops over heads and tokens, and how it dances."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from popdanceset.errors import InputError  # noqa: E402
from training.baselines.bailando.config import GptConfig  # noqa: E402
from training.baselines.bailando.decoding import continue_codes, window_length  # noqa: E402
from training.baselines.bailando.gpt import Block, DanceGpt, next_code_loss, released_critic  # noqa: E402
from training.baselines.bailando.representation import Halves  # noqa: E402

SMALL = GptConfig(
    width=12, heads=3, base_layers=2, head_layers=1, critic_layers=1, block=6, codes=9, music_width=4
)


@pytest.fixture
def model() -> DanceGpt:
    torch.manual_seed(0)
    network = DanceGpt(SMALL).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def sequence(length: int) -> tuple[Halves, torch.Tensor]:
    torch.manual_seed(1)
    return Halves(torch.randint(9, (1, length)), torch.randint(9, (1, length))), torch.randn(1, length, 4)


def plain_block(weights: dict[str, np.ndarray], x: np.ndarray, heads: int) -> np.ndarray:
    """A block for one sequence of three streams, head by head and token by token."""

    def linear(name: str, rows: np.ndarray) -> np.ndarray:
        return rows @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, rows: np.ndarray) -> np.ndarray:
        centred = rows - rows.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    tokens, width = x.shape
    time, size = tokens // 3, width // heads
    normed = norm("attention_norm", x)
    query, key, value = (linear(name, normed) for name in ("query", "key", "value"))
    mixed = np.zeros_like(x)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for token in range(tokens):
            seen = [other for other in range(tokens) if other % time <= token % time]
            scores = np.array([query[token, part] @ key[other, part] for other in seen]) / math.sqrt(size)
            shares = np.exp(scores) / np.exp(scores).sum()
            mixed[token, part] = shares @ value[seen][:, part]
    x = x + linear("attention_output", mixed)
    hidden = linear("inner", norm("feedforward_norm", x))
    error = np.vectorize(math.erf)(hidden / math.sqrt(2))
    return x + linear("outer", hidden / 2 * (1 + error))


def test_a_block_mixes_the_past_of_all_three_streams() -> None:
    torch.manual_seed(0)
    block = Block(SMALL).double().eval()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    x = torch.randn(2, 15, 12, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in block.named_parameters()}
    for found, one in zip(block(x).detach().numpy(), x.numpy(), strict=True):
        np.testing.assert_allclose(found, plain_block(weights, one, SMALL.heads), rtol=1e-9)


@pytest.mark.parametrize("stream", ["music", "up", "down"])
def test_nothing_sees_the_future(model: DanceGpt, stream: str) -> None:
    codes, music = sequence(5)
    before = model(codes, music)
    if stream == "music":
        music[0, 3] += 1
    else:
        getattr(codes, stream)[0, 3] = (getattr(codes, stream)[0, 3] + 1) % 9
    for half, changed in zip(before, model(codes, music), strict=True):
        differs = (half - changed)[0].abs().amax(dim=-1) > 1e-7
        assert differs.tolist() == [False, False, False, True, True]


def test_the_loss_is_the_sum_of_both_halves() -> None:
    scores = Halves(torch.zeros(1, 2, 4), torch.log(torch.tensor([[[1.0, 1, 1, 1], [7, 1, 1, 1]]])))
    targets = Halves(torch.tensor([[3, 0]]), torch.tensor([[2, 0]]))
    down = -(math.log(1 / 4) + math.log(7 / 10)) / 2
    assert next_code_loss(scores, targets).item() == pytest.approx(math.log(4) + down)


def test_only_the_critic_learns_from_values(model: DanceGpt) -> None:
    codes, music = sequence(5)
    values = model.values(codes, music)
    assert values.shape == (1, 5)
    values.sum().backward()
    learning = {name.split(".")[0] for name, value in model.named_parameters() if value.grad is not None}
    assert learning == {"critic"}


def test_first_weights_of_the_critic(model: DanceGpt) -> None:
    torch.manual_seed(0)
    fresh = DanceGpt(SMALL)
    assert fresh.critic.up.weight.std().item() == pytest.approx(0.02, rel=0.4)
    released_critic(fresh.critic)
    block = fresh.critic.blocks[0]
    assert math.sqrt(6 / 24) <= block.query.weight.min() < block.query.weight.max() <= 1
    assert block.inner.weight.min() >= math.sqrt(6 / 60)


def test_the_window_grows_then_keeps_its_newest_codes() -> None:
    def lengths(shift: int | None) -> list[int]:
        return [window_length(step, 6, shift) for step in range(12)]

    assert lengths(None) == [1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5]
    assert lengths(99) == lengths(None)
    assert lengths(3) == [1, 2, 3, 4, 5, 5, 3, 4, 5, 3, 4, 5]
    assert lengths(5) == lengths(None)


@pytest.mark.parametrize("shift", [None, 2])
def test_a_dance_takes_the_likeliest_code_of_each_window(model: DanceGpt, shift: int | None) -> None:
    music = torch.randn(2, 11, 4)
    start = Halves(torch.tensor([[3], [4]]), torch.tensor([[0], [8]]))
    danced = continue_codes(model, start, music, shift)
    assert danced.up.shape == danced.down.shape == (2, 12)
    assert torch.equal(danced.up[:, :1], start.up)
    for step in range(11):
        seen = slice(step + 1 - window_length(step, 6, shift), step + 1)
        scores = model(Halves(danced.up[:, seen], danced.down[:, seen]), music[:, seen])
        for half, codes in zip(scores, danced, strict=True):
            assert torch.equal(half[:, -1].argmax(-1), codes[:, step + 1])


def test_no_music_gives_no_dance(model: DanceGpt) -> None:
    one = torch.tensor([[3]])
    with pytest.raises(InputError, match="at least two"):
        continue_codes(model, Halves(one, one), torch.randn(1, 0, 4))
    with pytest.raises(ValueError, match="7 codes, but a block has 6"):
        model(*sequence(7))
