"""A record of Bailando in the form that its check reads, made here at sizes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.actor_critic import (  # noqa: E402
    Windows,
    actor_loss,
    policy_of,
    reward_of,
    score,
    states_of,
    td_error,
)
from training.baselines.bailando.codebook import Codebook  # noqa: E402
from training.baselines.bailando.config import GptConfig, RewardConfig, VqVaeConfig  # noqa: E402
from training.baselines.bailando.decoding import continue_codes  # noqa: E402
from training.baselines.bailando.gpt import DanceGpt, next_code_loss  # noqa: E402
from training.baselines.bailando.reconstruction_losses import (  # noqa: E402
    HalfLoss,
    stage_one_loss,
    stage_two_loss,
)
from training.baselines.bailando.released import gpt_names, vqvae_names  # noqa: E402
from training.baselines.bailando.representation import Halves, decode, join  # noqa: E402
from training.baselines.bailando.reward import motion_beats, per_code, rewards  # noqa: E402
from training.baselines.bailando.vqvae import MotionVqVae  # noqa: E402

Tensors = dict[str, Any]

VQVAE = VqVaeConfig(
    width=14, residual_width=7, embedding=10, codes=9, levels=2, depth=2, dilation_growth=2, decay=0.9
)
GPT = GptConfig(
    width=24, heads=3, base_layers=1, head_layers=3, critic_layers=2, block=7, codes=9, music_width=5
)
FRAMES, COMMITMENT = 4, 0.5
VARIANTS = {
    "reward_rate0": RewardConfig("punished", "released"),
    "reward_rate1": RewardConfig("punished", "released", rate=1.0),
    "reward_paper_variant": RewardConfig("allowed", "released"),
}


def released(model: torch.nn.Module, names: Any) -> Tensors:
    own = model.state_dict()
    weights = {theirs: own[ours] for ours, theirs in names}
    if "gpt_base.pos_emb" in weights:
        weights["gpt_base.pos_emb"] = weights["gpt_base.pos_emb"].flatten(0, 1)[None]
    return weights


def norms(model: torch.nn.Module, names: Any) -> dict[str, float]:
    own = dict(model.named_parameters())
    return {
        theirs: float(own[ours].grad.norm())
        for ours, theirs in names
        if ours in own and own[ours].grad is not None
    }


def whole(module: torch.nn.Module) -> float:
    return float(torch.cat([value.grad.flatten() for value in module.parameters()]).norm())


def half(loss: HalfLoss) -> Tensors:
    names = {"position": "recons_loss", "commitment": "commit_loss"}
    return {names.get(name, f"{name}_loss"): value.detach() for name, value in loss._asdict().items()}


def without_noise(permutation: torch.Tensor) -> Any:
    return lambda rows, count: rows[permutation[:count]]


def vqvae_record(model: MotionVqVae) -> Tensors:
    motion = torch.randn(3, 24, 72)
    with torch.no_grad():
        codes, both = model.encode(motion), model.reconstruct(motion)
        decoded, restored = model.decode(codes), join(Halves(both.up.motion, both.down.motion))
    masked = torch.cat([torch.zeros(3, 24, 3), motion[..., 3:]], dim=-1).view(3, 24, 24, 3)
    upper = [joint for joint in range(24) if joint not in (0, 1, 2, 4, 5, 7, 8, 10, 11)]
    record: Tensors = {"pose_root_velocity": motion, "codes_up": codes.up, "codes_down": codes.down}
    record["encoder_output_up"] = model.up.encoder(masked[:, :, upper].flatten(-2)).detach()
    lower = masked[:, :, (0, 1, 2, 4, 5, 7, 8, 10, 11)].flatten(-2)
    record["encoder_output_down"] = model.down.encoder(lower).detach()
    record |= {"decoded_pose_root_velocity": decoded, "decoded_joints": decode(decoded)}
    loss = stage_one_loss(both, motion, COMMITMENT)
    parts = [half(loss.up), half(loss.down)]
    record["stage1_eval"] = {"x_out": restored, "loss": loss.total, "metrics_up_down": parts}

    second = stage_two_loss(model.restore_velocity(motion), motion)
    second.total.backward()
    root = {"velocity_loss": second.velocity.detach(), "acceleration_loss": second.acceleration.detach()}
    record["stage2"] = {
        "x_out": decoded,
        "loss": second.total.detach(),
        "metrics_up_down": [{}, root],
        "grad_norms": norms(model, vqvae_names(VQVAE)),
    }
    model.zero_grad()
    permutations = [torch.randperm(18), torch.randperm(18)]  # 3 samples of 6 codes: more than codes
    for one, permutation in zip((model.up, model.down), permutations, strict=True):
        one.codebook.draw = without_noise(permutation)
    first = stage_one_loss(model.train().reconstruct(motion), motion, COMMITMENT)
    first.total.backward()
    books = {"up": model.up.codebook, "down": model.down.codebook}
    record["stage1_train"] = {
        "loss": first.total.detach(),
        "metrics_up_down": [half(first.up), half(first.down)],
        "randperm_up_down": permutations,
        "tile_noise_up_down": [],
        "k_after": {name: book.vectors.clone() for name, book in books.items()},
        "k_elem_after": {name: book.counts.clone() for name, book in books.items()},
        "grad_norms": norms(model, vqvae_names(VQVAE)),
    }
    record["codebook_5x3"] = [codebook_record()]
    return record


def codebook_record() -> Tensors:
    book, features = Codebook(5, 3, VQVAE.decay).train(), torch.randn(2, 3, 4)
    permutations = [torch.randperm(8), torch.randperm(8)]
    draws = iter(permutations)
    book.draw = lambda rows, count: rows[next(draws)[:count]]
    quantised = book(features)
    return {
        "x": features,
        "codes": quantised.codes,
        "dequantised": quantised.features,
        "commit": quantised.commitment,
        "k_after": book.vectors,
        "k_sum": book.sums,
        "k_elem": book.counts,
        "randperms": permutations,
        "tile_noises": [],
    }


def gpt_record(model: DanceGpt, vqvae: MotionVqVae) -> Tensors:
    codes, targets = (Halves(*torch.randint(9, (2, 2, 6))) for _ in range(2))
    music = torch.randn(2, 6, 5).half()
    scores = model(codes, music.float())
    loss = next_code_loss(scores, targets)
    loss.backward()
    start = Halves(torch.tensor([[4]]), torch.tensor([[2]]))
    song = torch.randn(1, 15, 5).half()
    danced, other = (continue_codes(model, start, song.float(), shift) for shift in (None, 3))
    with torch.no_grad():
        decoded = vqvae.eval().decode(danced)[:, :20]
        features = model.base(codes, music.float())[:1]
    record: Tensors = {
        "idx_up": codes.up, "idx_down": codes.down, "target_up": targets.up, "target_down": targets.down,
        "music": music, "logits_up": scores.up.detach(), "logits_down": scores.down.detach(),
        "loss": loss.detach(), "grad_norms": norms(model, gpt_names(GPT, judged=False)),
        "base_features": features,
    }  # fmt: skip
    record["sample"] = {
        "start_up": start.up, "start_down": start.down, "music": song, "up": danced.up, "down": danced.down,
        "shift3_up": other.up, "shift3_down": other.down, "decoded_pose_root_velocity": decoded,
    }  # fmt: skip
    model.zero_grad()
    record["actor_critic"] = actor_critic_record(model, vqvae)
    music, beats = torch.arange(20.0).view(10, 2), torch.arange(38) % 5 == 0
    up = torch.arange(11)
    rows = torch.arange(32).clamp(max=37)
    record["ac_windows"] = {"music": music, "up": up, "down": up + 50, "beats": beats, "count": 3}
    record["ac_windows"]["items"] = [
        {
            "music0": music[first],
            "up": up[first : first + 8],
            "down": up[first : first + 8] + 50,
            "beats": beats[(rows + FRAMES * first).clamp(max=37)],
            "mask": torch.ones(6) if first == 0 else torch.tensor([0.0, 0, 0, 0, 0, 1]),
        }
        for first in (0, 2)
    ]
    return record


def actor_critic_record(model: DanceGpt, vqvae: MotionVqVae) -> Tensors:
    codes, music = Halves(*torch.randint(9, (2, 2, 8))), torch.randn(2, 8, 5).half()
    beats, mask = torch.rand(2, 32) < 0.2, torch.tensor([[1.0] * 6, [0.0] * 5 + [1.0]])
    windows, smooth = Windows(codes, music.float(), beats, mask), torch.randn(2, 24, 72).cumsum(1)
    record: Tensors = {"codes_up": codes.up, "codes_down": codes.down, "music": music, "beats": beats}
    record |= {"mask": mask, "smooth_pose": smooth}
    record["smooth_motion_beats_per_code"] = per_code(motion_beats(smooth), FRAMES).float()
    for name, config in VARIANTS.items():
        record[name] = reward_of(vqvae, windows, config)
        record[f"smooth_{name}"] = rewards(smooth, beats[:, FRAMES:-FRAMES], FRAMES, config)
    values = model.values(*states_of(windows))
    error = td_error(values, record["reward_rate0"])
    loss = error.square().mean()
    loss.backward()
    policy = policy_of(score(model, windows), codes)
    actor_loss(policy, error, mask).backward()
    record |= {
        "values": values.detach(), "td_error": error.detach(), "critic_loss": loss.detach(),
        "critic_grad_norm": whole(model.critic), "actor_grad_norm": whole(model.head),
        "actor_cross_entropy": policy.cross_entropy.detach().flatten(),
        "entropy": policy.entropy.detach().flatten(),
        "actor_loss": {0.0: actor_loss(policy, error, mask).detach()},
    }  # fmt: skip
    return record


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """The folder of a record without music, at sizes that share no number with the recorded ones."""
    torch.manual_seed(5)
    vqvae, gpt = MotionVqVae(VQVAE).eval(), DanceGpt(GPT).eval()
    for one in (vqvae.up, vqvae.down):
        one.codebook.start(torch.randn(9, 10))
    for parameter in gpt.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    settings = {"dilation_growth_rate": 2, "l_mu": 0.9, "commit": COMMITMENT}
    weights = {name: value.clone() for name, value in released(vqvae, vqvae_names(VQVAE)).items()}
    torch.save({"config": settings, "state_dict": weights}, tmp_path / "vqvae_weights.pt")
    torch.save(
        {"config": {"n_head": 3}, "state_dict": released(gpt, gpt_names(GPT))}, tmp_path / "gpt_weights.pt"
    )
    fresh = MotionVqVae(VQVAE)
    fresh.load_state_dict(vqvae.state_dict())
    torch.save(vqvae_record(vqvae), tmp_path / "vqvae_io.pt")
    torch.save(gpt_record(gpt, fresh.eval()), tmp_path / "gpt_io.pt")
    return tmp_path
