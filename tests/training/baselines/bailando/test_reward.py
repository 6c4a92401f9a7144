"""Rewards of patterns made by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

from training.baselines.bailando.config import RewardConfig  # noqa: E402
from training.baselines.bailando.reward import facing, motion_beats, per_code, rewards  # noqa: E402

FRAMES = 8
STOPS = (18, 42, 60)


def stopping(codes: int = 10) -> torch.Tensor:
    """A motion of 8 frames a code, all joints of which are slowest at the frames in `STOPS`."""
    time = torch.arange(FRAMES * codes, dtype=torch.float64)
    speed = torch.ones_like(time)
    for stop in STOPS:
        speed = speed - 0.9 * torch.exp(-((time - stop) ** 2) / 20)
    path = torch.cat([torch.zeros(1, dtype=torch.float64), speed.cumsum(0)[:-1]])
    return (path[:, None] * torch.ones(72, dtype=torch.float64))[None].float()


def test_a_motion_beat_is_where_the_body_is_slowest() -> None:
    found = motion_beats(stopping())[0].nonzero()[:, 0].tolist()
    assert found == list(STOPS)
    assert not motion_beats(torch.zeros(1, 40, 72)).any()  # a body at rest has no strict minimum
    assert per_code(motion_beats(stopping()), FRAMES)[0].nonzero()[:, 0].tolist() == [2, 5, 7]


def test_a_dance_is_rewarded_for_beats_that_the_music_has() -> None:
    music = torch.zeros(1, 80, dtype=torch.bool)
    music[0, [16, 30, 63]] = (
        True  # in the codes 2 and 7, where the motion has a beat, and 3, where it has none
    )
    punished = rewards(stopping(), music, FRAMES, RewardConfig(silence="punished"))
    assert punished.tolist() == [[-5, -5, 5, -5, -5, -5, -5, 5, -5, -5]]
    allowed = rewards(stopping(), music, FRAMES, RewardConfig())
    assert allowed.tolist() == [[5, 5, 5, -5, 5, 5, 5, 5, 5, 5]]


def standing(*, lower_turned: bool, up: int = 1) -> torch.Tensor:
    """One code of a body with bent knees; its legs may face backward."""
    joints = torch.zeros(24, 3)
    for joint, place in {
        1: (0.1, -0.1, 0.0), 2: (-0.1, -0.1, 0.0), 4: (0.1, -0.4, 0.2), 5: (-0.1, -0.4, 0.2),
        7: (0.1, -0.8, 0.0), 8: (-0.1, -0.8, 0.0), 12: (0.0, 0.5, 0.0), 13: (0.1, 0.4, 0.05),
        14: (-0.1, 0.4, 0.05), 15: (0.0, 0.6, 0.1),
    }.items():  # fmt: skip
        joints[joint] = torch.tensor(place)
    if lower_turned:
        joints[[1, 2, 4, 5, 7, 8]] *= torch.tensor([-1.0, 1.0, -1.0])
    if up == 2:
        joints = joints[:, [0, 2, 1]] * torch.tensor([-1.0, 1.0, 1.0])
    return joints.flatten().expand(1, FRAMES, 72)


@pytest.mark.parametrize("up", [1, 2])
def test_legs_that_face_backward_are_punished(up: int) -> None:
    config = RewardConfig(rate=1, up=up)
    assert facing(standing(lower_turned=False, up=up), FRAMES, config).tolist() == [[1]]
    worst = facing(standing(lower_turned=True, up=up), FRAMES, config)
    assert -1 <= worst.item() < -0.1
    # One bad frame is enough.
    mixed = standing(lower_turned=False, up=up).clone()
    mixed[0, 5] = standing(lower_turned=True, up=up)[0, 0]
    assert facing(mixed, FRAMES, config).item() == pytest.approx(worst.item())


def test_lifted_legs_turn_the_released_sign_over() -> None:
    """The cross product of knees above the root points backward; only a sign of its own corrects it."""
    lifted = standing(lower_turned=False).clone().view(1, FRAMES, 24, 3)
    lifted[:, :, [4, 5], 1], lifted[:, :, [4, 5], 2] = 0.15, 0.3
    lifted[:, :, [7, 8], 1], lifted[:, :, [7, 8], 2] = 0.4, 0.2
    motion = lifted.flatten(-2)
    assert facing(motion, FRAMES, RewardConfig(rate=1)).tolist() == [[1]]
    assert facing(motion, FRAMES, RewardConfig(rate=1, facing="released")).item() < -0.1


def test_the_facing_term_is_added_with_its_weight() -> None:
    body, music = standing(lower_turned=True), torch.ones(1, FRAMES, dtype=torch.bool)
    plain = rewards(body, music, FRAMES, RewardConfig())
    weighted = rewards(body, music, FRAMES, RewardConfig(rate=2))
    assert torch.allclose(weighted - plain, 2 * facing(body, FRAMES, RewardConfig()))
