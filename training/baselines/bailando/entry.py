"""Bailando as trainer, sampler and commands see it. Its stages are runs of the trainer, each from the one
before it (`--start`).

Where it differs from the released code: stage 4 dances to windows of the training music, never to test music,
from the first code of the true dance; actor and critic learn in the same step; music features of a release
are averaged to the rate of the codes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from popdanceset.errors import InputError
from training.baselines.bailando.actor_critic import actor_loss, critic_loss, policy_of, td_error
from training.baselines.bailando.config import BETAS, PRESETS, BailandoConfig, Objective, RewardConfig
from training.baselines.bailando.decoding import continue_codes
from training.baselines.bailando.gpt import next_code_loss
from training.baselines.bailando.network import Bailando, Experience, NextCodes, Output
from training.baselines.bailando.reconstruction_losses import stage_one_loss, stage_two_loss
from training.baselines.bailando.representation import Halves, decode, encode
from training.baselines.bailando.reward import rewards
from training.baselines.bailando.vqvae import Reconstructions
from training.data import representation
from training.data.representation import MinMaxScaler, SmplMotion
from training.fitting.recipe import Recipe
from training.interface import Loss, Model, NoChance, Options, Trained
from training.motion.forward_kinematics import JOINTS, forward_kinematics
from training.motion.inverse_kinematics import fit_rotations

_UP = 2


class BailandoModel(Model):
    """Bailando (Siyao et al., CVPR 2022)."""

    name: ClassVar[str] = "bailando"
    title: ClassVar[str] = "Bailando"
    config: ClassVar[Callable[..., Any]] = BailandoConfig

    def __init__(self) -> None:
        self.presets = PRESETS

    def network(self, config: BailandoConfig) -> Bailando:
        """See `Model`."""
        return Bailando(config)

    def encode(self, config: BailandoConfig, vectors: torch.Tensor, scaler: MinMaxScaler) -> torch.Tensor:
        """Positions of joints and the velocity of joint 0, unscaled: (batch, window, 72)."""
        rotation_6d = vectors[..., representation.ROTATION].reshape(*vectors.shape[:-1], JOINTS, 6)
        matrices = representation.rotation_6d_to_matrix(rotation_6d)
        return encode(forward_kinematics(matrices, vectors[..., representation.POSITION]))

    def loss(
        self,
        predict: Callable[..., Any],
        objective: Objective,
        motion: torch.Tensor,
        music: torch.Tensor,
        chance: NoChance,
        scaler: MinMaxScaler,
    ) -> Loss:
        """The loss of the stage, which is known by what the network returns."""
        output: Output = predict(motion, music)
        if isinstance(output, Reconstructions):
            both = stage_one_loss(output, motion, objective.commitment)
            return Loss(both.total, {"up": both.up.total / 2, "down": both.down.total / 2})
        if isinstance(output, NextCodes):
            total = next_code_loss(output.scores, output.targets)
            return Loss(total, {"codes": total})
        if isinstance(output, Experience):
            return _actor_critic_loss(output, objective)
        root = stage_two_loss(output, motion)
        return Loss(root.total, {"velocity": root.velocity, "acceleration": root.acceleration})

    def optimizer(self, network: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        """Adam for the parameters of the stage."""
        trained = (parameter for parameter in network.parameters() if parameter.requires_grad)
        assert isinstance(network, Bailando)
        return torch.optim.Adam(trained, recipe.learning_rate, BETAS[network.config.stage], fused=True)

    def dance(
        self, trained: Trained, music: torch.Tensor, options: Options, seed: int
    ) -> Iterator[SmplMotion]:
        """Dances from the first codes of a dance of the training part, chosen by `seed`.

        The network moves joints and knows no rotations: those are the nearest of a body of mean size
        (`training.motion.inverse_kinematics`). Joint 0 starts at the origin.

        Yields:
            Motion, as many frames as the music has, in one piece.

        Raises:
            InputError: there is no music, the third stage is missing, or an option has no meaning here.
        """
        options.must_be_empty(self.title)
        if not len(music):
            raise InputError("there are no frames of music", self.title)
        model: Bailando = trained.model
        known = int(model.known_starts)
        if not known:
            raise InputError(
                f"stage {model.config.stage} cannot dance yet", self.title, "train up to stage 3 or 4"
            )
        up, down = model.starts[seed % known].view(2, 1, 1)
        with torch.no_grad():
            heard = model.per_code(trained.music_scaler(music).to(trained.device)[None])
            if heard.shape[1] == 1:  # a dance of one code
                heard = heard.expand(-1, 2, -1)
            codes = continue_codes(model.gpt, Halves(up, down), heard[:, 1:])
            joints = decode(model.vqvae.decode(codes))[0, : len(music)].cpu()
        poses = torch.from_numpy(fit_rotations(joints.double().numpy())).to(joints.dtype)
        yield SmplMotion(poses, joints[:, 0])

    def load_released(self, path: Path, device: torch.device, extractor: str) -> Trained:
        """Refuses: the released weights move at 60 fps with y up, and dances here have 30 fps and z up.

        `training.baselines.bailando.released` reads them for use in Python; they are for non-commercial
        purposes only.
        """
        raise InputError(
            "released weights of Bailando dance at 60 fps with y up, which releases do not have",
            path,
            "load them in Python: training.baselines.bailando.released",
        )


def _actor_critic_loss(experience: Experience, objective: Objective) -> Loss:
    """Actor and critic at once; they have no parameter in common. Each window is a piece of its own."""
    policy = policy_of(experience.scores, experience.codes)
    frames = experience.motion.shape[1] // policy.entropy.shape[1]
    config = RewardConfig(objective.silence, objective.facing, objective.rate, _UP)
    reward = rewards(experience.motion, experience.beats, frames, config)
    error = td_error(experience.values, reward, objective.discount)
    error = error + objective.alpha * policy.entropy.detach()
    actor = actor_loss(policy, error, torch.ones_like(error), objective.alpha)
    critic = critic_loss(error)
    return Loss(actor + critic, {"actor": actor, "critic": critic})


MODEL = BailandoModel()
