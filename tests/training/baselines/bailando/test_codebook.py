"""The codebook against its rules, number by number."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.codebook import Codebook, random_features  # noqa: E402


@pytest.fixture
def codebook() -> Codebook:
    """Three vectors of two numbers, with averages of 0.5; replacements are all (9, 9)."""
    book = Codebook(codes=3, embedding=2, decay=0.5)
    book.start(torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]))
    book.draw = lambda rows, count: torch.full((count, rows.shape[1]), 9.0)
    return book


FEATURES = torch.tensor([[[1.0, 5.0, 3.0], [0.0, 0.0, 0.0]]])  # one sample; its columns are the features


def test_features_get_their_nearest_vector(codebook: Codebook) -> None:
    quantised = codebook.eval()(FEATURES)
    assert quantised.codes.tolist() == [[0, 1, 1]]
    assert quantised.features[0].T.tolist() == [[0, 0], [4, 0], [4, 0]]
    assert quantised.commitment == pytest.approx((1 + 1 + 1) / 6)
    assert codebook.counts.tolist() == [1, 1, 1]  # nothing is learnt in evaluation

    rows = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)) * 3
    squares = ((rows[:, None] - codebook.vectors) ** 2).sum(-1)
    assert torch.equal(codebook.nearest(rows), squares.argmin(1))


def test_vectors_are_moving_averages_and_rare_ones_are_replaced(codebook: Codebook) -> None:
    quantised = codebook.train()(FEATURES)
    assert quantised.features[0, 0].tolist() == [0, 4, 4]  # looked up before the update
    # Numbers of features: 1, 2, 0; sums: (1, 0), (8, 0), (0, 0); all averages began with one feature.
    assert codebook.counts.tolist() == [1.0, 1.5, 0.5]
    assert codebook.sums.tolist() == [[0.5, 0], [6, 0], [0, 2]]
    assert codebook.vectors.tolist() == [[0.5, 0], [4, 0], [9, 9]]
    assert codebook.sums[2].tolist() == [0, 2]  # the average itself goes on


def test_gradients_pass_unchanged_and_commitment_pulls_features(codebook: Codebook) -> None:
    features = FEATURES.clone().requires_grad_()
    quantised = codebook.eval()(features)
    (passed,) = torch.autograd.grad(quantised.features.sum(), features, retain_graph=True)
    assert torch.equal(passed, torch.ones_like(FEATURES))
    (pulled,) = torch.autograd.grad(quantised.commitment, features)
    assert torch.allclose(pulled[0, 0], torch.tensor([1.0, 1.0, -1.0]) / 3)


def test_the_first_batch_starts_the_codebook() -> None:
    book = Codebook(codes=4, embedding=2, decay=0.99).train()
    torch.manual_seed(0)
    features = torch.randn(2, 2, 8)
    book(features)
    assert book.started
    rows = {tuple(row) for row in features.mT.reshape(-1, 2).tolist()}
    # The first update moves a vector that was chosen; one that was not chosen is replaced by a feature.
    loaded = Codebook(codes=4, embedding=2, decay=0.99)
    loaded.load_state_dict(book.state_dict())
    assert loaded.started  # a loaded codebook goes on and does not start again
    before = loaded.sums.clone()
    loaded.train()(features)
    assert not torch.equal(loaded.sums, before)
    drawn = random_features(features.mT.flatten(0, 1), 4)
    assert {tuple(row) for row in drawn.tolist()} <= rows
    assert len({tuple(row) for row in drawn.tolist()}) == 4


def test_few_features_are_repeated_with_noise() -> None:
    torch.manual_seed(0)
    rows = torch.tensor([[0.0] * 4, [100.0] * 4])
    drawn = random_features(rows, 1000)
    assert drawn.shape == (1000, 4)
    low = drawn[drawn[:, 0] < 50]
    assert len(low) == 500
    assert low.std().item() == pytest.approx(0.01 / 4**0.5, rel=0.1)
