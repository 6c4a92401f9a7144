"""Music features at mean 0 and deviation 1."""

import numpy as np
import pytest
import torch

from popdanceset.errors import InputError
from training.data.music_scaler import MusicScaler


def test_it_agrees_with_numpy_on_the_whole():
    draw = np.random.default_rng(0)
    whole = draw.normal(-300, [0.1, 20, 5], (90, 3)).astype(np.float32)
    fitted = MusicScaler.fit(torch.from_numpy(part) for part in np.split(whole, [7, 8, 60]))
    np.testing.assert_allclose(fitted.mean.numpy(), whole.astype(float).mean(0), rtol=1e-6)
    np.testing.assert_allclose(fitted.deviation.numpy(), whole.astype(float).std(0), rtol=1e-5)
    scaled = fitted(torch.from_numpy(whole)).double()
    assert scaled.mean(0).abs().max() < 1e-3
    torch.testing.assert_close(scaled.std(0, correction=0), torch.ones(3).double(), atol=1e-3, rtol=0)


def test_a_constant_channel_becomes_zero():
    music = torch.tensor([[5.0, 1], [5, 2]])
    assert MusicScaler.fit([music])(music)[:, 0].tolist() == [0, 0]


def test_none_changes_nothing_and_missing_music_is_reported():
    music = torch.randn(4, 3)
    assert torch.equal(MusicScaler.none(3)(music), music)
    with pytest.raises(InputError, match="no music"):
        MusicScaler.fit([])
