"""Sizes of Bailando, its three stages of training and its reward: the presets `released` and `ours`."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from popdanceset.errors import InputError


@dataclass(frozen=True, slots=True)
class VqVaeConfig:
    """The networks that turn motion into codes and codes into motion. Defaults are the released ones.

    Attributes:
        width: channels inside encoder and decoder.
        residual_width: channels inside a residual block.
        embedding: numbers in a code's vector.
        codes: vectors in the codebook of each half of the body.
        levels: times that the encoder divides the frame rate by `stride`.
        stride: of each level; even.
        depth: residual blocks on each level.
        dilation_growth: dilation of a block relative to the one before it.
        decay: of the moving averages that the codebook consists of.
        commitment: weight of the distance between features and their codes in the loss.
    """

    width: int = 512
    residual_width: int = 512
    embedding: int = 512
    codes: int = 512
    levels: int = 3
    stride: int = 2
    depth: int = 3
    dilation_growth: int = 3
    decay: float = 0.99
    commitment: float = 0.02

    def __post_init__(self) -> None:
        for name in self.__slots__[:-2]:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", "Bailando", "give a number from 1")
        if self.stride % 2:
            raise InputError(f"stride is {self.stride}", "Bailando", "give an even number")

    @property
    def frames_per_code(self) -> int:
        """Frames of motion that a code stands for."""
        return int(self.stride**self.levels)


@dataclass(frozen=True, slots=True)
class GptConfig:
    """The network that continues codes to music. Defaults are the released ones.

    Attributes:
        width: features of a token.
        heads: of every attention; divides `width`.
        base_layers, head_layers, critic_layers: blocks of the shared base, of the actor's head and of the
            critic.
        block: longest sequence of codes.
        codes: vectors in each codebook.
        music_width: features in a frame of music.
        dropout: share of embeddings, attention weights and outputs of blocks dropped in training.
    """

    width: int = 768
    heads: int = 12
    base_layers: int = 6
    head_layers: int = 6
    critic_layers: int = 3
    block: int = 29
    codes: int = 512
    music_width: int = 438
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in self.__slots__[:-1]:
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}", "Bailando", "give a number from 1")
        if self.width % self.heads:
            raise InputError(f"{self.heads} heads do not divide a width of {self.width}", "Bailando")
        if self.block < 2:
            raise InputError(f"block is {self.block}", "Bailando", "give a number from 2")


@dataclass(frozen=True, slots=True)
class RewardConfig:
    """What the actor is rewarded for. Defaults follow the paper where the released code differs from it.

    Attributes:
        silence: `allowed`: a dance is not punished where music and motion both, or only the motion, have no
            matching beat because the music has none (paper); `punished`: as the released code does.
        facing: `corrected`: the sign of the lower body is that of its own front; `released`: the released
            code takes that of the upper body, which cancels out.
        rate: weight of the term that punishes a lower body that faces away from the upper body.
        up: number of the vertical axis.
    """

    silence: Literal["allowed", "punished"] = "allowed"
    facing: Literal["corrected", "released"] = "corrected"
    rate: float = 0.0
    up: int = 1


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage is trained, with Adam.

    Attributes:
        learning_rate: at first.
        betas: of Adam.
        batch_size: windows in a step.
        stride: frames between the starts of two windows of a motion.
        epochs: through the training data.
        drops: epochs at which the learning rate is divided by 10.
    """

    learning_rate: float
    betas: tuple[float, float]
    batch_size: int = 32
    stride: int = 40
    epochs: int = 500
    drops: tuple[int, ...] = (100, 200)

    def learning_rate_at(self, epoch: int) -> float:
        """The learning rate of an epoch; epochs count from 0."""
        return self.learning_rate * 0.1 ** sum(epoch >= drop for drop in self.drops)


VQ_VAE = Stage(3e-5, (0.5, 0.999))
ROOT = Stage(5e-5, (0.9, 0.999), batch_size=8, stride=8)
GPT = Stage(3e-4, (0.5, 0.999), epochs=400, drops=(250, 400))
ACTOR_CRITIC = Stage(1e-5, (0.5, 0.999), batch_size=128, epochs=10, drops=())


@dataclass(frozen=True, slots=True)
class Preset:
    """Networks with their data and training.

    Attributes:
        vqvae, gpt: the networks.
        reward: of the actor.
        fps: frames a second of the motion.
        window: frames of a training window.
        critic: first weights of the critic: `normal`, or `released`, which are all positive.
        critic_music: split of the music that the actor practises on. The released code takes the test music,
            which its published numbers are measured on.
        starts: `motion`: windows of codes and music start anywhere in a motion; `music`: the released code
            counts frames of the music, so all windows lie in the first eighth of a motion.
        vqvae_stage, root_stage, gpt_stage, actor_critic_stage: training.
    """

    vqvae: VqVaeConfig
    gpt: GptConfig
    reward: RewardConfig
    fps: int
    window: int
    critic: Literal["normal", "released"] = "normal"
    critic_music: Literal["train", "test"] = "train"
    starts: Literal["motion", "music"] = "motion"
    vqvae_stage: Stage = VQ_VAE
    root_stage: Stage = ROOT
    gpt_stage: Stage = GPT
    actor_critic_stage: Stage = ACTOR_CRITIC


PRESETS = MappingProxyType(
    {
        # What the released code computes and its weights expect: AIST++ at 60 fps, y up.
        "released": Preset(
            VqVaeConfig(),
            GptConfig(),
            RewardConfig(silence="punished", facing="released"),
            fps=60,
            window=240,
            critic="released",
            critic_music="test",
            starts="music",
        ),
        # Releases of PopDanceSet, 30 fps, z up: one level less keeps 7.5 codes a second.
        "ours": Preset(VqVaeConfig(levels=2), GptConfig(), RewardConfig(up=2), fps=30, window=120),
    }
)
"""By name: `released`, `ours`."""
