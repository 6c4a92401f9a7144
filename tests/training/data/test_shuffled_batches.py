"""The windows of each step depend on the seed and the number of the step."""

import numpy as np
import pytest
import torch

from training.data import DanceWindows
from training.data.shuffled_batches import ShuffledBatches


@pytest.fixture
def windows(release_dir, tmp_path):
    return DanceWindows(release_dir, "train", length=30, stride=10, cache_dir=tmp_path)


def test_every_window_once_an_epoch_in_another_order(windows):
    batches = ShuffledBatches(windows, 7, seed=1)
    steps = 7  # seven times seven windows span several epochs of any length
    drawn = np.concatenate([batches.numbers(step) for step in range(steps * len(windows) // 7)])
    epochs = [drawn[i : i + len(windows)] for i in range(0, len(drawn) - len(windows) + 1, len(windows))]
    assert len(epochs) >= 2
    for epoch in epochs:
        assert sorted(epoch) == list(range(len(windows)))
    assert not np.array_equal(epochs[0], epochs[1])
    assert batches.steps_per_epoch == len(windows) / 7


def test_a_step_is_the_same_wherever_one_begins(windows):
    batches = ShuffledBatches(windows, 4, seed=2)
    whole = {step: (motion, music) for step, motion, music in batches.stream(0, 9)}
    for step, motion, music in ShuffledBatches(windows, 4, seed=2).stream(5, 9):
        assert torch.equal(motion, whole[step][0])
        assert torch.equal(music, whole[step][1])
    assert list(batches.stream(3, 3)) == []
    assert not np.array_equal(ShuffledBatches(windows, 4, seed=3).numbers(0), batches.numbers(0))


def test_processes_share_a_batch(windows):
    whole = ShuffledBatches(windows, 6, seed=0).numbers(3)
    shares = [ShuffledBatches(windows, 6, 0, rank, 3).numbers(3) for rank in range(3)]
    assert np.array_equal(np.concatenate(shares), whole)
    with pytest.raises(ValueError, match="3 processes cannot share a batch of 7"):
        ShuffledBatches(windows, 7, 0, 0, 3)


def test_samples_and_batches_have_the_same_units(windows):
    batches = ShuffledBatches(windows, 6, seed=0)
    motion, music = batches.batch(1)
    for row, number in enumerate(batches.numbers(1)):
        sample = windows[number]
        assert torch.equal(motion[row], sample["motion"])
        assert torch.equal(music[row], sample["music"])


def test_unscaled_batches_are_scaled_by_the_scalers_of_the_windows(windows):
    batches = ShuffledBatches(windows, 6, seed=0)
    motion, music = ShuffledBatches(windows, 6, seed=0, scaled=False).batch(1)
    assert motion.abs().max() > 1
    assert torch.equal(windows.scaler.scale(motion), batches.batch(1)[0])
    assert torch.equal(windows.music_scaler(music), batches.batch(1)[1])


def test_a_batch_larger_than_the_release(windows):
    numbers = ShuffledBatches(windows, len(windows) + 3, seed=0).numbers(0)
    assert sorted(numbers[: len(windows)]) == list(range(len(windows)))
