"""The network of EDGE: predicts the clean dance from a noisy one and music."""

from __future__ import annotations

from training.baselines.edge.config import EdgeConfig
from training.baselines.edge.representation import WIDTH
from training.popdg.alignment import FiLM
from training.popdg.config import ModelConfig
from training.popdg.decoder import DanceDecoderBlock
from training.popdg.model import DanceTransformer


class EDGE(DanceTransformer):
    """The transformer of POPDG on 151 channels, with FiLM in place of its alignment modules.

    Music is dropped from the tokens and from the pooled vector of the same samples.
    """

    def __init__(self, config: EdgeConfig) -> None:
        super().__init__(config.transformer, WIDTH, _block)
        self.config = config


def _block(config: ModelConfig) -> DanceDecoderBlock:
    return DanceDecoderBlock(config, lambda config: FiLM(config.width))
