"""Contacts of feet, compared with plain loops and with sequences tried one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from popdanceset.motion.contact import (
    SWITCH_COST,
    UNKNOWN,
    Noise,
    contacts,
    evidence,
    log_odds,
    measured_noise,
)

STILL = np.zeros((40, 4, 3))


def test_the_states_are_those_of_the_best_of_all_sequences() -> None:
    """All 2^9 sequences of states, scored one by one."""
    for seed in range(20):
        shown = np.random.default_rng(seed).normal(0, 2.5, (9, 1))
        best = {0: np.full(9, -np.inf), 1: np.full(9, -np.inf)}
        for sequence in product((0, 1), repeat=9):
            states = np.array(sequence)
            score = (shown[:, 0] * states).sum() - SWITCH_COST * np.abs(np.diff(states)).sum()
            for frame, state in enumerate(sequence):
                best[state][frame] = max(best[state][frame], score)
        np.testing.assert_allclose(log_odds(shown, 30.0)[:, 0], best[1] - best[0], atol=1e-9)


def test_one_bad_frame_changes_nothing_and_many_do() -> None:
    heights = np.zeros((40, 4))
    heights[20] = 0.5
    assert contacts(heights, STILL, 30.0).all()
    heights[20:30] = 0.5
    found = contacts(heights, STILL, 30.0)
    assert not found[21:29].any()
    assert found[:18].all()
    assert found[32:].all()


def test_heights_below_the_floor_are_no_evidence_against_contact() -> None:
    low = evidence(np.full((5, 4), -0.1), np.zeros((5, 4, 3)))
    np.testing.assert_array_equal(low, evidence(np.zeros((5, 4)), np.zeros((5, 4, 3))))


def test_of_two_low_feet_the_slower_one_stands() -> None:
    moving = STILL.copy()
    moving[:, [1, 3], 0] = 1.5
    shown = evidence(np.full((40, 4), 0.03), moving)
    assert (shown[:, [0, 2]] > shown[:, [1, 3]] + 2).all()


def test_the_lower_foot_bears_the_body() -> None:
    heights = np.tile([0.05, 0.25, 0.05, 0.25], (40, 1))
    alone = evidence(heights, STILL)[:, [0, 2]]
    beside = evidence(np.full((40, 4), 0.05), STILL)[:, [0, 2]]
    assert (alone >= beside).all()
    moving = STILL.copy()
    moving[..., 0] = 1.0
    assert (
        evidence(heights, moving)[:, [0, 2]] > evidence(np.full((40, 4), 0.05), moving)[:, [0, 2]] + 2
    ).all()
    assert (evidence(heights + 0.5, STILL) == -4).all()  # in a jump, neither does


def test_unseen_points_follow_their_neighbours_in_time() -> None:
    heights, scores = np.zeros((40, 4)), np.ones((40, 4))
    heights[10:20], scores[10:20] = 0.5, 0
    assert contacts(heights, STILL, 30.0, scores).all()
    assert not contacts(heights, STILL, 30.0, np.zeros((40, 4))).any()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_frames(count: int) -> None:
    found = contacts(np.zeros((count, 4)), np.zeros((count, 4, 3)), 30.0)
    assert found.shape == (count, 4)
    assert found.all()


def test_twice_the_rate_shows_the_same_contacts() -> None:
    heights = np.repeat(np.random.default_rng(0).uniform(0, 0.15, (60, 4)), 4, axis=0)
    still = np.zeros((240, 4, 3))
    slow = contacts(heights[::2], still[::2], 30.0)
    assert (np.repeat(slow, 2, axis=0) == contacts(heights, still, 60.0)).mean() > 0.98


def test_the_noise_of_a_clip_is_measured_where_it_stands() -> None:
    """Normally distributed speeds, less certain along the line of sight, and some points that fly."""
    rng = np.random.default_rng(0)
    velocities = rng.normal(0, 1, (4000, 4, 3)) * [0.2, 0.8, 0.05]
    standing = np.ones((4000, 4), bool)
    standing[:1000] = False
    velocities[:1000] += 3.0
    found = measured_noise(velocities, standing)
    assert found.slide == pytest.approx(1.2 * 0.2, rel=0.05)
    assert found.rise == pytest.approx(1.2 * 0.05, rel=0.05)
    assert measured_noise(velocities, np.zeros_like(standing)) == UNKNOWN
    wild = measured_noise(100 * velocities, standing)
    assert wild == UNKNOWN
    assert measured_noise(np.zeros_like(velocities), standing).slide > 0


def test_a_slow_glide_stands_out_in_a_calm_clip_only() -> None:
    gliding = STILL.copy()
    gliding[15:25, :, 0] = 0.6
    heights = np.zeros((40, 4))
    assert contacts(heights, gliding, 30.0, noise=Noise(0.2, 0.5))[20].all()
    assert not contacts(heights, gliding, 30.0, noise=Noise(0.05, 0.12))[20].any()
