"""The network as a whole: names, flip test, batches, the body it poses."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from hybrik_runner.hybrik import heads, twist_swing
from hybrik_runner.hybrik.network import Prediction, Result

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(3))


def test_flip_test_is_symmetric(network, x):
    """Averaged with its mirror image, an image and its mirror image give mirrored results."""
    one, other = network.predict(x, flip=True), network.predict(x.flip(3), flip=True)

    assert torch.allclose(other.betas, one.betas, atol=1e-5)
    assert torch.allclose(other.scale, one.scale, atol=1e-5)
    assert torch.allclose(other.phi, heads.unflip_twists(one.phi), atol=1e-5)
    assert torch.allclose(other.sigma, one.sigma[:, twist_swing.MIRRORED], atol=1e-5)
    assert not torch.allclose(network.predict(x).phi, one.phi, atol=1e-5)


def test_result_without_boxes(network, x):
    result = network(x)

    assert len(result) == 1
    assert result.rotations.shape == (1, 24, 3, 3)
    assert result.vertices.shape == (1, 6890, 3)
    identity = (result.rotations.mT @ result.rotations).sub(torch.eye(3)).abs().max()
    assert identity < 1e-5
    assert len(Result.cat([result, result])) == 2
    with pytest.raises(ValueError, match="together"):
        network(x, bboxes=torch.zeros(1, 4))


def test_a_known_body_is_found_again(network):
    """A body posed with SciPy, seen by a camera: prediction of its joints and twists gives it back."""
    random = np.random.default_rng(1)
    turns = random.uniform(-0.6, 0.6, (3, 24, 3))
    rotations = (
        torch.from_numpy(Rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix()).view(3, 24, 3, 3).float()
    )
    shaped = network.smpl.shaped(torch.zeros(3, 10))
    rest = network.smpl.rest(shaped)
    joints = twist_swing.forward_kinematics(rotations, rest)[0]
    joints = joints - joints[:, :1]
    scale = torch.tensor([[0.8], [0.9], [1.2]])
    uv = joints[..., :2] / (joints[..., 2:] + heads.distance(scale)[:, None]) * (heads.FOCAL / heads.SIZE)
    children = [twist_swing.CHILDREN[joint] for joint in range(1, 24)]
    axes = (rest[:, children] - rest[:, 1:24]).numpy()
    axes /= np.linalg.norm(axes, axis=-1, keepdims=True)
    quaternions = Rotation.from_rotvec(turns[:, 1:].reshape(-1, 3)).as_quat().reshape(3, 23, 4)
    angles = 2 * np.arctan2((quaternions[..., :3] * axes).sum(-1), quaternions[..., 3])
    seen = Prediction(
        uvd=torch.cat([uv, joints[..., 2:] / heads.DEPTH_RANGE], 2),
        maxima=torch.ones(3, 29),
        betas=torch.zeros(3, 10),
        delta_shape=torch.zeros(3, 10),
        phi=torch.from_numpy(np.stack([np.cos(angles), np.sin(angles)], -1)).float(),
        scale=scale,
        sigma=torch.full((3, 29), 0.01),
    )

    result = network.fit(seen)

    assert torch.allclose(result.rotations, rotations, atol=1e-3)
    assert torch.allclose(result.joints_24, joints[:, :24], atol=1e-4)
    assert torch.allclose(result.cam_scale, scale, atol=1e-3)
    # In the body of these tests, vertex j is joint j and follows it rigidly.
    assert torch.allclose(result.vertices[:, :24], joints[:, :24], atol=1e-4)
    assert torch.allclose(result.joints_17, joints[:, :17], atol=1e-4)


def test_pose_blend_shapes_follow_the_rotations(network):
    """A vertex displaced by one entry of one rotation moves by that entry, turned with its joint."""
    smpl = network.smpl
    kept = smpl.posedirs.clone()
    try:
        smpl.posedirs[3 * 9 + 1, 100 * 3 + 2] = 0.5  # joint 4, entry (0, 1), of vertex 100's z
        rotations = torch.eye(3).repeat(1, 24, 1, 1)
        rotations[0, 4] = torch.from_numpy(Rotation.from_rotvec([0, 0, 0.3]).as_matrix()).float()
        shaped = smpl.shaped(torch.zeros(1, 10))
        bent = smpl.pose(shaped, smpl.rest(shaped), rotations).vertices[0, 100]
        smpl.posedirs.copy_(kept)
        plain = smpl.pose(shaped, smpl.rest(shaped), rotations).vertices[0, 100]
    finally:
        smpl.posedirs.copy_(kept)

    assert torch.allclose(bent - plain, torch.tensor([0, 0, -0.5 * np.sin(0.3)]).float(), atol=1e-6)
