"""Rotations: NumPy, torch, roma (which training uses) and naive frame-by-frame versions held against each
other.

Naive versions work on one frame: quaternions and Rodrigues' formula by hand, or SciPy.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_array
from scipy.spatial.transform import Rotation, Slerp

from hybrik_runner import component_tensors
from popdanceset.rotations import arrays, component_arrays
from popdanceset.rotations.component_arrays import components_first, frames_first

COUNT = 50


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def matrices(random: np.random.Generator) -> np.ndarray:
    """(2, n, 3, 3): every angle up to half a turn."""
    return Rotation.random(2 * COUNT, random_state=7).as_matrix().reshape(2, COUNT, 3, 3)


@pytest.fixture
def vectors(random: np.random.Generator) -> np.ndarray:
    """(2, n, 3)"""
    return random.normal(size=(2, COUNT, 3))


def columns(vectors: np.ndarray) -> np.ndarray:
    """(n, 3) → (3, n)"""
    return np.ascontiguousarray(vectors.T)


def tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


def agree(naive: object, *others: object, atol: float = 1e-12) -> None:
    for other in others:
        np.testing.assert_allclose(np.asarray(other), np.asarray(naive), atol=atol, rtol=0)


# -- naive versions, one frame each


def naive_axis_angle_to_matrix(vector: np.ndarray) -> np.ndarray:
    angle = math.sqrt(sum(x * x for x in vector))
    x, y, z = vector / angle if angle else (1.0, 0.0, 0.0)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def naive_quaternion(matrix: np.ndarray) -> np.ndarray:
    """x, y, z, w, w ≥ 0: the eigenvector of Bar-Itzhack's matrix."""
    a, b, c = matrix
    system = np.array(
        [
            [a[0] - b[1] - c[2], b[0] + a[1], c[0] + a[2], c[1] - b[2]],
            [b[0] + a[1], b[1] - a[0] - c[2], c[1] + b[2], a[2] - c[0]],
            [c[0] + a[2], c[1] + b[2], c[2] - a[0] - b[1], b[0] - a[1]],
            [c[1] - b[2], a[2] - c[0], b[0] - a[1], a[0] + b[1] + c[2]],
        ]
    )
    found = np.linalg.eigh(system)[1][:, -1]
    return found if found[3] >= 0 else -found


def naive_matrix_to_axis_angle(matrix: np.ndarray) -> np.ndarray:
    *vector, w = naive_quaternion(matrix)
    length = float(np.linalg.norm(vector))
    return 2 * math.atan2(length, w) * np.array(vector) / max(length, 1e-300)


def naive_twist(matrix: np.ndarray, axis: np.ndarray) -> float:
    *vector, w = naive_quaternion(matrix)
    angle = 2 * math.atan2(float(np.dot(vector, axis)), w)
    return (angle + math.pi) % (2 * math.pi) - math.pi


def naive_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    normal = np.cross(start, end)
    area = np.linalg.norm(normal)
    return naive_axis_angle_to_matrix(math.atan2(area, start @ end) * normal / area)


def naive_nearest(matrix: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(matrix)
    return left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right


# -- conversions


def test_axis_angle_and_matrices(vectors: np.ndarray) -> None:
    turns = vectors[0]  # lengths of up to one and a half half turns
    found = arrays.axis_angle_to_matrix(turns)
    agree([naive_axis_angle_to_matrix(v) for v in turns], found, roma.rotvec_to_rotmat(tensor(turns)))
    back = arrays.matrix_to_axis_angle(found)
    agree(
        [naive_matrix_to_axis_angle(m) for m in found], back, roma.rotmat_to_rotvec(tensor(found)), atol=1e-9
    )
    assert arrays.axis_angle_to_matrix(turns.reshape(5, 10, 3)).shape == (5, 10, 3, 3)
    agree(back.reshape(5, 10, 3), arrays.matrix_to_axis_angle(found.reshape(5, 10, 3, 3)))
    agree(np.eye(3), arrays.axis_angle_to_matrix(np.zeros(3)))


def test_layouts_lead_into_each_other(matrices: np.ndarray) -> None:
    many = matrices.transpose(1, 0, 2, 3)  # (n, 2, 3, 3)
    laid = components_first(many)
    assert laid.shape == (3, 3, 2, COUNT)
    assert laid.flags.c_contiguous
    np.testing.assert_array_equal(frames_first(laid), many)


# -- algebra


def test_compose_inverse_and_rotate(matrices: np.ndarray, vectors: np.ndarray) -> None:
    (a, b), (v, _) = matrices, vectors
    first, second, column = components_first(a), components_first(b), columns(v)
    tensors = tensor(first), tensor(second), tensor(column)
    agree(
        [x @ y for x, y in zip(a, b, strict=True)],
        frames_first(component_arrays.compose(first, second)),
        component_tensors.compose(tensors[0], tensors[1]).permute(2, 0, 1),
        roma.rotmat_composition([tensor(a), tensor(b)]),
    )
    agree(
        [x @ y for x, y in zip(a, v, strict=True)],
        component_arrays.rotate(first, column).T,
        component_tensors.rotate(tensors[0], tensors[2]).T,
    )
    agree(
        [np.linalg.inv(x) for x in a],
        arrays.inverse(a),
        frames_first(component_arrays.inverse(first)),
        component_tensors.inverse(tensors[0]).permute(2, 0, 1),
        roma.rotmat_inverse(tensor(a)),
    )


def test_vectors(vectors: np.ndarray) -> None:
    u, v = vectors
    first, second = columns(u), columns(v)
    one, other = tensor(first), tensor(second)
    agree(np.cross(u, v), component_arrays.cross(first, second).T, component_tensors.cross(one, other).T)
    agree((u * v).sum(1), component_arrays.dot(first, second), component_tensors.dot(one, other))
    agree(np.linalg.norm(u, axis=1), component_arrays.norm(first), component_tensors.norm(one))
    agree(arrays.normalise(u), component_arrays.normalise(first).T, u / np.linalg.norm(u, axis=1)[:, None])
    np.testing.assert_array_equal(component_arrays.normalise(np.zeros((3, 2))), 0)
    np.testing.assert_array_equal(arrays.normalise(np.zeros((2, 3))), 0)
    direction = component_arrays.normalise(second)
    agree(0, component_arrays.dot(component_arrays.reject(first, direction), direction))
    agree(0, component_tensors.dot(component_tensors.perpendicular(one), one))
    frame = frames_first(component_arrays.frame(first, second))
    agree(np.broadcast_to(np.eye(3), frame.shape), arrays.inverse(frame) @ frame)
    agree(arrays.normalise(u), frame[:, :, 0])


def test_rotations_about_axes(vectors: np.ndarray, random: np.random.Generator) -> None:
    axes, angles = arrays.normalise(vectors[0]), random.uniform(-3, 3, COUNT)
    naive = [naive_axis_angle_to_matrix(t * a) for a, t in zip(axes, angles, strict=True)]
    angle = tensor(angles)
    agree(
        naive,
        frames_first(component_arrays.rotation_about(columns(axes), angles)),
        component_tensors.rotation_about(tensor(columns(axes)), angle.cos(), angle.sin()).permute(2, 0, 1),
        roma.rotvec_to_rotmat(tensor(axes * angles[:, None])),
    )
    same = [naive_axis_angle_to_matrix(t * axes[0]) for t in angles]
    agree(same, arrays.rotation_about(5 * axes[0], angles))


# -- the smallest rotation between vectors


def between(start: np.ndarray, end: np.ndarray) -> list[np.ndarray]:
    """(n, 3, 3) of every library."""
    return [
        arrays.rotation_between(start, end),
        frames_first(component_arrays.rotation_between(columns(start), columns(end))),
        component_tensors.rotation_between(tensor(columns(start)), tensor(columns(end)))
        .permute(2, 0, 1)
        .numpy(),
    ]


def test_rotation_between_vectors(vectors: np.ndarray) -> None:
    start, end = vectors
    agree([naive_between(s, e) for s, e in zip(start, end, strict=True)], *between(start, end))


@given(
    any_array(float, (4, 3), elements=st.floats(-1, 1)), any_array(float, (4, 3), elements=st.floats(-1, 1))
)
@settings(max_examples=50, deadline=None)
def test_rotation_between_any_vectors(start: np.ndarray, end: np.ndarray) -> None:
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(end, axis=1)
    usable = (np.linalg.norm(start, axis=1) > 1e-3) & (np.linalg.norm(end, axis=1) > 1e-3)
    cosine = np.einsum("na,na->n", start, end) / np.maximum(lengths, 1e-12)
    for found in between(start, end):
        assert np.isfinite(found).all()
        np.testing.assert_allclose(
            found @ arrays.inverse(found), np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-9
        )
        reached = np.einsum("nab,nb->na", found, arrays.normalise(start))
        np.testing.assert_allclose(reached[usable], arrays.normalise(end)[usable], atol=1e-6)
        smallest = usable & (cosine > -0.999)  # the half turn has its own test
        angle = Rotation.from_matrix(found[smallest]).magnitude()
        np.testing.assert_allclose(angle, np.arccos(np.clip(cosine[smallest], -1, 1)), atol=1e-6)


@pytest.mark.parametrize("axis", np.eye(3))
def test_opposite_vectors_are_half_a_turn_apart(axis: np.ndarray) -> None:
    for found in between(axis[None], -2 * axis[None]):
        np.testing.assert_allclose(found[0] @ axis, -axis, atol=1e-9)
        assert np.linalg.det(found[0]) == pytest.approx(1)


def test_zero_vectors_are_not_turned() -> None:
    for found in between(np.zeros((1, 3)), np.array([[0.3, 0, 0]])):
        np.testing.assert_array_equal(found[0], np.eye(3))


def test_swings_follow_the_parent(matrices: np.ndarray, vectors: np.ndarray) -> None:
    parent, bone, rest = matrices[0], vectors[0], vectors[1, 0]
    found = frames_first(component_arrays.swing(components_first(parent), rest[:, None], columns(bone)))
    agree([naive_between(p @ rest, b) @ p for p, b in zip(parent, bone, strict=True)], found)


# -- swing and twist


def test_swing_and_twist(matrices: np.ndarray, vectors: np.ndarray) -> None:
    turns, axes = matrices[0], arrays.normalise(vectors[0])
    swings, angles = component_arrays.swing_twist(components_first(turns), columns(axes))
    naive = np.array([naive_twist(m, a) for m, a in zip(turns, axes, strict=True)])
    agree(naive, angles, component_arrays.twist_angle(components_first(turns), columns(axes)), atol=1e-9)
    swings = frames_first(swings)
    agree(
        turns,
        [s @ naive_axis_angle_to_matrix(t * a) for s, t, a in zip(swings, naive, axes, strict=True)],
        atol=1e-9,
    )
    agree(0, [naive_twist(s, a) for s, a in zip(swings, axes, strict=True)], atol=1e-7)
    # roma knows the twist of a quaternion about an axis as its projection.
    quaternions = roma.rotmat_to_unitquat(tensor(turns))
    along = (quaternions[:, :3] * tensor(axes)).sum(1)
    projected = 2 * torch.atan2(along, quaternions[:, 3])
    agree(np.exp(1j * naive), np.exp(1j * projected.numpy()), atol=1e-9)
    agree(naive, arrays.twist_angle(turns, 3 * axes), atol=1e-9)


def test_twists_of_half_a_turn() -> None:
    axes = np.eye(3)
    found = arrays.twist_angle(np.array([naive_axis_angle_to_matrix(np.pi * a) for a in axes]), axes)
    agree(np.pi, np.abs(found))


@given(st.floats(-3.1, 3.1), st.floats(-1.5, 1.5))
@settings(deadline=None)
def test_twist_of_a_swing_after_a_twist(twist: float, swing: float) -> None:
    axis = np.array([1.0, 2, -0.5])
    across = np.cross(axis, [0, 0, 1.0])
    both = arrays.rotation_about(across, np.array([swing])) @ arrays.rotation_about(axis, np.array([twist]))
    assert arrays.twist_angle(both, axis)[0] == pytest.approx(twist, abs=1e-6)


def test_twists_stay_within_half_a_turn() -> None:
    """Quaternions of opposite sign are the same rotation: a twist of 350° is one of −10°."""
    turn = Rotation.from_rotvec([[0, 0, np.radians(350)]]).as_matrix()
    assert arrays.twist_angle(turn, np.array([0.0, 0, 1])) == pytest.approx(np.radians(-10))


# -- interpolation


def test_slerp(matrices: np.ndarray, random: np.random.Generator) -> None:
    (start, end), shares = matrices, random.uniform(0, 1, COUNT)
    expected = [
        Slerp([0, 1], Rotation.from_matrix([s, e]))(share).as_matrix()
        for s, e, share in zip(start, end, shares, strict=True)
    ]
    agree(expected, arrays.slerp(start, end, shares), atol=1e-9)
    agree(expected, arrays.slerp(start[:, None], end[:, None], shares)[:, 0], atol=1e-9)
    vectors = [tensor(arrays.matrix_to_axis_angle(m)) for m in (start, end)]
    half = roma.rotvec_slerp(*vectors, torch.tensor([0.5], dtype=torch.float64))[0]
    agree(arrays.axis_angle_to_matrix(half.numpy()), arrays.slerp(start, end, 0.5), atol=1e-9)
    agree(start, arrays.slerp(start, end, 0.0))
    agree(end, arrays.slerp(start, end, 1.0))


# -- the nearest rotation


def nearest(values: np.ndarray) -> list[np.ndarray]:
    """(n, 3, 3) of every library but SVD's."""
    return [
        frames_first(component_arrays.nearest_rotation(components_first(values))),
        component_tensors.nearest_rotation(tensor(components_first(values))).permute(2, 0, 1).numpy(),
    ]


@pytest.mark.parametrize("sign", [1, -1])
def test_nearest_rotation(matrices: np.ndarray, random: np.random.Generator, sign: int) -> None:
    """Also of mirrored rotations, where the nearest one is not exact."""
    blurred = sign * matrices[0] + 0.2 * random.normal(size=matrices[0].shape)
    naive = [naive_nearest(m) for m in blurred]
    agree(naive, arrays.nearest_rotation(blurred), roma.special_procrustes(tensor(blurred)), atol=1e-9)
    agree(naive, *nearest(blurred), atol=1e-6)
    agree(1, *(np.linalg.det(found) for found in nearest(blurred)), atol=1e-9)


def test_nearest_rotation_of_planar_and_of_no_vectors() -> None:
    turn = Rotation.random(random_state=2).as_matrix()
    for found in nearest(np.stack([turn @ np.diag([2.0, 1.0, 0.0]), np.zeros((3, 3))])):
        agree([turn, np.eye(3)], found, atol=1e-9)


def test_nearest_rotation_of_a_mirror_is_not_a_mirror() -> None:
    assert np.linalg.det(arrays.nearest_rotation(np.diag([1.0, 1.0, -1.0]))) > 0


@pytest.mark.parametrize("mirrored", [False, True])
def test_aligned_vectors(matrices: np.ndarray, random: np.random.Generator, mirrored: bool) -> None:
    start = random.normal(size=(COUNT, 3, 3))  # three vectors, in rows
    end = start @ arrays.inverse(matrices[0]) * (-1 if mirrored else 1) + 0.2 * random.normal(
        size=start.shape
    )
    naive = [Rotation.align_vectors(e, s)[0].as_matrix() for s, e in zip(start, end, strict=True)]
    profile = arrays.inverse(end) @ start
    agree(naive, *nearest(profile), arrays.nearest_rotation(profile), atol=1e-6)
    found = component_tensors.align_vectors(tensor(start).permute(2, 1, 0), tensor(end).permute(2, 1, 0))
    agree(naive, found.permute(2, 0, 1), atol=1e-6)
    single = component_tensors.align_vectors(
        tensor(start).permute(2, 1, 0).float(), tensor(end).permute(2, 1, 0).float()
    )
    assert single.dtype == torch.float32


# -- torch only


def test_gradients_pass(vectors: np.ndarray) -> None:
    start, end = (tensor(columns(v)).requires_grad_() for v in vectors)
    component_tensors.rotation_between(start, end)[0].sum().backward()
    assert torch.isfinite(start.grad).all()  # type: ignore[arg-type]
    assert torch.isfinite(end.grad).all()  # type: ignore[arg-type]
