"""Sizes of Bailando, its stages of training and its reward: the presets `ours` and `released`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from popdanceset.errors import InputError
from training.presets import Preset
from training.sizes import check_positive


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

    def __post_init__(self) -> None:
        check_positive(self, self.__slots__[:-1], "Bailando")
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
        check_positive(self, self.__slots__[:-1], "Bailando")
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
class BailandoConfig:
    """All networks and the stage that is trained. Defaults are the released ones.

    Attributes:
        stage: 1 trains the VQ-VAEs of both halves, 2 the decoder of the velocity of joint 0, 3 the GPT, and 4
            improves its head by actor and critic.
        vqvae_width, residual_width, embedding, codes, levels, stride, depth, dilation_growth, decay: see
            `VqVaeConfig`.
        width, heads, base_layers, head_layers, critic_layers, block, music_dim, dropout: see `GptConfig`.
        critic: first weights of the critic: `normal`, or `released`, which are all positive.
        seeds: first codes of training dances that the network remembers to start dances from.
        window: frames of a training window.

    Raises:
        InputError: the sizes are impossible or do not fit each other.
    """

    architecture: ClassVar[str] = "bailando"

    stage: int = 1
    vqvae_width: int = 512
    residual_width: int = 512
    embedding: int = 512
    codes: int = 512
    levels: int = 3
    stride: int = 2
    depth: int = 3
    dilation_growth: int = 3
    decay: float = 0.99
    width: int = 768
    heads: int = 12
    base_layers: int = 6
    head_layers: int = 6
    critic_layers: int = 3
    block: int = 29
    music_dim: int = 438
    dropout: float = 0.1
    critic: str = "normal"
    seeds: int = 64
    window: int = 240

    def __post_init__(self) -> None:
        if self.stage not in (1, 2, 3, 4):
            raise InputError(f"stage is {self.stage}", "Bailando", "give 1, 2, 3 or 4")
        if self.critic not in ("normal", "released"):
            raise InputError(f"critic is {self.critic!r}", "Bailando", "give normal or released")
        check_positive(self, ("seeds",), "Bailando")
        frames = self.vqvae.frames_per_code
        codes = self.window // frames
        if self.window % frames or not 3 <= codes <= self.gpt.block + 1:
            raise InputError(
                f"a window of {self.window} frames does not fit",
                "Bailando",
                f"give a multiple of {frames} from {3 * frames} to {frames * (self.block + 1)}",
            )

    @property
    def vqvae(self) -> VqVaeConfig:
        """The sizes of the VQ-VAE."""
        return VqVaeConfig(
            self.vqvae_width, self.residual_width, self.embedding, self.codes, self.levels, self.stride,
            self.depth, self.dilation_growth, self.decay,
        )  # fmt: skip

    @property
    def gpt(self) -> GptConfig:
        """The sizes of the GPT."""
        return GptConfig(
            self.width, self.heads, self.base_layers, self.head_layers, self.critic_layers, self.block,
            self.codes, self.music_dim, self.dropout,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Objective:
    """What training minimises.

    Attributes:
        commitment: weight of the distance between features and their codes (stage 1).
        silence, facing, rate: of the reward, see `RewardConfig` (stage 4).
        discount: of the value of the next state (stage 4).
        alpha: weight of the actor's entropy (stage 4).
    """

    commitment: float = 0.02
    silence: Literal["allowed", "punished"] = "allowed"
    facing: Literal["corrected", "released"] = "corrected"
    rate: float = 0.0
    discount: float = 1.0
    alpha: float = 0.0


BETAS = {1: (0.5, 0.999), 2: (0.9, 0.999), 3: (0.5, 0.999), 4: (0.5, 0.999)}
"""Of Adam, by stage."""

_EPOCHS = {1: 500.0, 2: 500.0, 3: 400.0, 4: 10.0}
_DROP_EPOCHS = {1: (100, 200), 2: (100, 200), 3: (250, 400), 4: ()}
"""How long the released code trains, and when its learning rate drops."""

_RECIPES: dict[int, dict[str, Any]] = {
    1: {"batch_size": 32, "learning_rate": 3e-5},
    2: {"batch_size": 8, "learning_rate": 5e-5},
    3: {"batch_size": 32, "learning_rate": 3e-4},
    4: {"batch_size": 128, "learning_rate": 1e-5},
}


def _presets(
    name: str, model: BailandoConfig, objective: Objective, strides: dict[int, int], **recipe: Any
) -> dict[str, Preset[BailandoConfig, Objective]]:
    """The presets of all stages: `name` is the first, `name-2` the second, and so on."""
    last = max(_RECIPES)
    return {
        name if stage == 1 else f"{name}-{stage}": Preset(
            replace(model, stage=stage),
            objective,
            {**_RECIPES[stage], "gradient_clipping": 0.0, "ema_decay": 0.0, **recipe},
            strides[stage],
            _DROP_EPOCHS[stage],
            _EPOCHS[stage],
            "" if stage == last else f"{name}-{stage + 1}",
        )
        for stage in _RECIPES
    }


PRESETS = MappingProxyType(
    {
        # Releases of PopDanceSet, 30 fps: one level less keeps 7.5 codes a second.
        **_presets("ours", BailandoConfig(levels=2, window=120), Objective(), {1: 20, 2: 4, 3: 20, 4: 20}),
        # Sizes, settings and faults of the released code, which expects AIST++ at 60 fps.
        **_presets(
            "released",
            BailandoConfig(critic="released"),
            Objective(silence="punished", facing="released"),
            {1: 40, 2: 8, 3: 40, 4: 8},
            standardise=False,
        ),
    }
)
"""By name: `ours` and `released` for the first stage, `ours-2` … `ours-4` and so on for the others."""
