"""ResNet-34 against its paper, a block written by hand, and layers of torch assembled independently."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from hybrik_runner.hybrik import recipe, resnet
from hybrik_runner.hybrik.network import HybrIK


@pytest.fixture(scope="module", autouse=True)
def _no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(1)
    made = resnet.ResNet34().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(std=0.1)
    return made


def test_the_count_of_parameters_is_the_papers(backbone):
    """21.8 M with the classifier of 1000 classes (torchvision: 21,797,672), which is 512·1000 + 1000."""
    assert sum(p.numel() for p in backbone.parameters()) == 21_797_672 - 513_000


def test_the_count_of_layers(backbone):
    """34 layers with weights: 33 convolutions off the shortcuts, and the classifier that is not here."""
    main = [n for n, m in backbone.named_modules() if isinstance(m, nn.Conv2d) and "downsample" not in n]
    shortcuts = [n for n, m in backbone.named_modules() if isinstance(m, nn.Conv2d) and "downsample" in n]
    assert len(main) == 33
    assert shortcuts == [f"layer{level}.0.downsample.0" for level in (2, 3, 4)]


def test_resolutions_of_table_1(backbone):
    """Output sizes of a 224 picture: 112, 56, 56, 28, 14, 7."""
    sizes = {}
    for name in ("conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        getattr(backbone, name).register_forward_hook(
            lambda *args, name=name: sizes.update({name: tuple(args[-1].shape[1:])})
        )
    backbone(torch.zeros(1, 3, 224, 224))
    assert list(sizes.values()) == [
        (64, 112, 112), (64, 56, 56), (64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7),
    ]  # fmt: skip


def convolve(x, weight, stride):
    """3×3 with a border of zeros, summed up place by place."""
    height, width = x.shape[1:]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(weight), height // stride, width // stride))
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            window = padded[:, i * stride : i * stride + 3, j * stride : j * stride + 3]
            out[:, i, j] = (weight * window).sum((1, 2, 3))
    return out


def normalise(x, norm):
    mean, var, weight, bias = (
        value.double().numpy()[:, None, None]
        for value in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (x - mean) / np.sqrt(var + 1e-5) * weight + bias


@pytest.mark.parametrize(("name", "stride"), [("layer1.1", 1), ("layer2.0", 2)])
def test_a_block_by_hand(backbone, name, stride):
    block = backbone.get_submodule(name)
    x = torch.randn(1, block.conv1.in_channels, 6, 8, generator=torch.Generator().manual_seed(2))
    values = x[0].double().numpy()
    inner = np.maximum(normalise(convolve(values, block.conv1.weight.double().numpy(), stride), block.bn1), 0)
    inner = normalise(convolve(inner, block.conv2.weight.double().numpy(), 1), block.bn2)
    if stride == 2:
        convolution, norm = block.downsample
        mixed = np.einsum("oi,ihw->ohw", convolution.weight[:, :, 0, 0].double().numpy(), values[:, ::2, ::2])
        values = normalise(mixed, norm)
    np.testing.assert_allclose(block(x)[0], np.maximum(inner + values, 0), atol=1e-4)


def test_the_whole_from_its_entries(backbone):
    """Layers called by their names in the state dict, as section 3.3 and table 1 order them."""
    state = backbone.state_dict()
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))

    def norm(x, name):
        s = [state[f"{name}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias")]
        return functional.batch_norm(x, *s)

    out = norm(functional.conv2d(x, state["conv1.weight"], stride=2, padding=3), "bn1").relu()
    out = functional.max_pool2d(out, 3, 2, 1)
    for level, count in enumerate((3, 4, 6, 3), start=1):
        for block in range(count):
            at, stride = f"layer{level}.{block}", 2 if level > 1 and not block else 1
            inner = functional.conv2d(out, state[f"{at}.conv1.weight"], stride=stride, padding=1)
            inner = functional.conv2d(norm(inner, f"{at}.bn1").relu(), state[f"{at}.conv2.weight"], padding=1)
            if stride == 2:
                out = functional.conv2d(out, state[f"{at}.downsample.0.weight"], stride=2)
                out = norm(out, f"{at}.downsample.1")
            out = (norm(inner, f"{at}.bn2") + out).relu()
    torch.testing.assert_close(backbone(x), out, rtol=1e-4, atol=1e-4)


def test_a_transposed_convolution_doubles_the_resolution():
    """Each pixel lays down the 4×4 kernel around its place in the image of twice the size."""
    torch.manual_seed(4)
    layers = resnet.deconvolutions().eval()
    kernel = layers[0].weight  # (in, out, 4, 4)
    x = torch.zeros(1, 512, 8, 8)
    x[0, 7, 2, 3], x[0, 9, 0, 0] = 1.5, -2.0
    wanted = torch.zeros(256, 20, 20)
    wanted[:, 2 * 2 : 2 * 2 + 4, 2 * 3 : 2 * 3 + 4] += 1.5 * kernel[7]
    wanted[:, 0:4, 0:4] += -2.0 * kernel[9]

    torch.testing.assert_close(layers[0](x)[0], wanted[:, 1:17, 1:17])
    assert layers(x).shape == (1, 256, 64, 64)
    assert [name for name, _ in layers.named_parameters()] == [
        f"{3 * level + place}.{entry}"
        for level in range(3)
        for place, entry in ((0, "weight"), (1, "weight"), (1, "bias"))
    ]


@pytest.fixture(scope="module")
def network(body_folder):
    from hybrik_runner.hybrik import smpl_file

    made = HybrIK(smpl_file.read(body_folder), backbone="resnet34")
    recipe.apply(made, "R", torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(5)))
    return made


def test_names_and_shapes_of_the_variant(network):
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert shapes["init_cam"] == (3,)
    assert shapes["preact.layer4.2.bn2.running_var"] == (512,)
    assert shapes["deconv_layers.0.weight"] == (512, 256, 4, 4)
    assert shapes["deconv_layers.6.weight"] == (256, 256, 4, 4)
    assert shapes["final_layer.weight"] == (29 * 64, 256, 1, 1)
    assert shapes["fc1.weight"] == (1024, 512)
    assert shapes["decphi.weight"] == (46, 1024)
    assert shapes["deccam.weight"] == (3, 1024)
    assert shapes["decsigma.weight"] == (29, 1024)


def test_heat_maps_and_features_from_the_backbone(network):
    x = torch.randn(1, 3, 256, 256, generator=torch.Generator().manual_seed(6))
    seen = network.preact(x)
    heat, features = network.see(x)

    assert seen.shape == (1, 512, 8, 8)
    assert heat.shape == (1, 29 * 64, 64, 64)
    pooled = seen.flatten(2).mean(2)
    wanted = (pooled @ network.fc1.weight.T + network.fc1.bias) @ network.fc2.weight.T + network.fc2.bias
    torch.testing.assert_close(features, wanted, rtol=1e-4, atol=1e-4)
    deep = network.deconv_layers(seen)[0, :, 10, 20]
    wanted = network.final_layer.weight[:, :, 0, 0] @ deep + network.final_layer.bias
    torch.testing.assert_close(heat[0, :, 10, 20], wanted, rtol=1e-4, atol=1e-4)


def test_poses_from_frames(network):
    """The heads, the geometry and the flip test are those of the other backbone."""
    x = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(7))
    boxes, centre = torch.tensor([[10.0, 20, 210, 220]] * 2), torch.tensor([[160.0, 120]] * 2)
    result = network(x, boxes, centre, flip=True)
    alone = network(x[:1], boxes[:1], centre[:1], flip=True)

    assert result.rotations.shape == (2, 24, 3, 3)
    assert result.scale.shape == (2, 1)
    assert (result.rotations.mT @ result.rotations - torch.eye(3)).abs().max() < 1e-4
    torch.testing.assert_close(alone.rotations, result.rotations[:1], rtol=0, atol=1e-3)
    camera = network.deccam(network.see(x)[1]) + torch.tensor([0.9, 0, 0])
    torch.testing.assert_close(network.predict(x).scale, camera[:, :1], rtol=1e-4, atol=1e-5)
