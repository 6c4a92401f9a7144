"""Checkpoints of the released code as trained networks."""

import torch

from training.sampling.dancing import dance, whole
from training.sampling.trained import load_authors


def test_a_checkpoint_of_the_authors(shared, tmp_path):
    """The golden weights, as the released code would have saved them with its normaliser."""
    golden = torch.load(shared / "golden/popdg/small64_weights.pt", weights_only=False)
    scale = {"data_min_": torch.full((156,), -1.0), "data_max_": torch.ones(156)}
    content = {"ema_state_dict": golden["state_dict"], "config": golden["config"], "normalizer": scale}
    torch.save(content, tmp_path / "train-2000.pt")
    trained = load_authors(tmp_path / "train-2000.pt")
    music = torch.randn(160, trained.model.config.music_dim)
    assert whole(dance(trained, music, steps=2)).poses.shape == (160, 24, 3)
