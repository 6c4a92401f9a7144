"""Attention against versions that go query by query, frame by frame."""

from __future__ import annotations

import math
from types import ModuleType

import pytest
import torch

from training.popdg.attention import (
    CrossAttention,
    FeatureAttention,
    Memory,
    SelfAttention,
    random_frame_mask,
)
from training.popdg.rotary import Rotary
from training.popdg.space import HEADS, JointAttention, augmented_attention, mixing_matrix


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def one_by_one(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, heads: int) -> torch.Tensor:
    """Attention of (frames, width) in plain loops."""
    size = query.shape[1] // heads
    result = torch.zeros_like(query)
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        for frame in range(len(query)):
            scores = [float(query[frame, part] @ other[part]) / math.sqrt(size) for other in key]
            total = sum(math.exp(score) for score in scores)
            for score, other in zip(scores, value, strict=True):
                result[frame, part] += math.exp(score) / total * other[part]
    return result


def test_time_attention_goes_frame_by_frame() -> None:
    attention = SelfAttention(8, heads=2)
    torch.nn.init.normal_(attention.query_bias)
    turned, plain = torch.randn(2, 1, 5, 8)
    with torch.no_grad():
        query, key = (turned[0] @ attention.query_key.T).split(8, dim=-1)
        expected = one_by_one(query + attention.query_bias, key, attention.value(plain[0]), 2)
        torch.testing.assert_close(attention(turned, plain)[0], attention.output(expected))


def test_cross_attention_goes_frame_by_frame_and_can_reuse_a_memory() -> None:
    attention = CrossAttention(8, heads=4)
    dance, (turned, music) = torch.randn(1, 3, 8), torch.randn(2, 1, 6, 8)
    with torch.no_grad():
        expected = one_by_one(
            attention.query(dance[0]), attention.key(turned[0]), attention.value(music[0]), 4
        )
        whole = attention(dance, attention.remember(turned, music))
        torch.testing.assert_close(whole[0], attention.output(expected))
        first = attention.remember(turned[:, :4], music[:, :4])
        memory = first.extended(attention.remember(turned[:, 4:], music[:, 4:]))
        torch.testing.assert_close(attention(dance, memory), whole)


def test_a_memory_can_be_extended_by_one_sample_for_all() -> None:
    many, one = (Memory(*torch.randn(2, batch, 2, 3, 4)) for batch in (5, 1))
    keys, values = many.extended(one)
    assert keys.shape == values.shape == (5, 2, 6, 4)
    assert torch.equal(keys[3, :, 3:], one.keys[0])


def test_feature_attention_is_time_attention_of_the_transposed() -> None:
    attention = FeatureAttention(6, heads=3)
    turned, plain = torch.randn(2, 2, 6, 4)
    torch.testing.assert_close(
        attention(turned, plain).mT, attention.attention(turned.mT.clone(), plain.mT.clone())
    )


def test_hidden_frames_affect_only_themselves() -> None:
    mask = random_frame_mask(3, 40, 0.3, torch.zeros(()))
    assert mask.shape == (3, 1, 40, 40)
    assert not mask.diagonal(dim1=-2, dim2=-1).any()
    hidden = mask[:, 0, 0, 1:] == float("-inf")
    assert 0.15 < hidden.float().mean() < 0.45
    attention = SelfAttention(8, heads=2)
    x = torch.randn(3, 40, 8)
    before = attention(x, x, mask)
    sample, frame = (hidden & True).nonzero()[0].tolist()
    x[sample, frame + 1] += 1
    changed = (attention(x, x, mask) - before).abs().amax(dim=-1) > 0
    assert changed.nonzero().tolist() == [[sample, frame + 1]]


def test_rotary_positions_rotate_pairs(plain: ModuleType) -> None:
    x = torch.randn(2, 9, 12)
    rotary = Rotary(12, 20)
    torch.testing.assert_close(rotary(x), plain.rotate(x))
    torch.testing.assert_close(rotary(x[:, 4:], first=4), rotary(x)[:, 4:])
    torch.testing.assert_close(rotary(x).norm(dim=-1), x.norm(dim=-1))
    # The product of two rotated frames depends on their distance only.
    same = torch.randn(12).expand(20, 12)
    products = rotary(same) @ rotary(same).T
    torch.testing.assert_close(products[0, 3], products[11, 14])


@pytest.mark.parametrize("halving", [True, False])
def test_space_augmentation_is_algorithm_1(plain: ModuleType, halving: bool) -> None:
    weights = torch.rand(3, 2, 24, 24).softmax(dim=-1).requires_grad_()
    values = torch.randn(3, 2, 24, 6, requires_grad=True)
    expected = plain.augment(weights, halving) @ values
    attended = augmented_attention(weights, values, mixing_matrix(halving))
    torch.testing.assert_close(attended, expected, atol=1e-6, rtol=1e-5)
    towards = torch.randn_like(attended)
    gradients = (torch.autograd.grad(x, (weights, values), towards) for x in (attended, expected))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_space_augmentation_by_hand() -> None:
    """Joint 15 follows 12, 9, 6, 3: it gets a sixteenth of 3, and nothing of the root itself."""
    mixing = mixing_matrix()
    assert mixing[:, 15][[3, 6, 9, 12, 15]].tolist() == [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert mixing[0, 15] == 0
    assert torch.equal(mixing[:, 5], torch.eye(24)[5])


def test_joint_attention_goes_frame_by_frame(plain: ModuleType) -> None:
    attention = JointAttention(10)
    turned, x = torch.randn(2, 2, 3, 10)
    expected = torch.zeros(2, 3, HEADS, 156)
    with torch.no_grad():
        for sample in range(2):
            for frame in range(3):
                query = attention.query(turned[sample, frame]).view(HEADS, 24, 6)
                key = attention.key(turned[sample, frame]).view(HEADS, 24, 6)
                value = attention.value(x[sample, frame]).view(HEADS, 156)
                expected[sample, frame] = value
                for head in range(HEADS):
                    weights = torch.softmax(query[head] @ key[head].T / math.sqrt(6), dim=-1)
                    joints = plain.augment(weights) @ value[head, 3:147].view(24, 6)
                    expected[sample, frame, head, 3:147] = joints.flatten()
        torch.testing.assert_close(attention(turned, x), attention.output(expected.flatten(-2)))
