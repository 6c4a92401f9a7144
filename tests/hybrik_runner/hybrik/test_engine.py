"""The engine says what the network says."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from torch import nn

from hybrik_runner.hybrik import crop, smpl_file
from hybrik_runner.hybrik.engine import Engine, folded, number_type
from hybrik_runner.hybrik.network import HybrIK, Prediction
from popdanceset.errors import SettingsError

CPU = torch.device("cpu")


@pytest.fixture(scope="module", autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def crops() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (1, 256, 256, 3), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def small(body_folder: Path) -> HybrIK:
    """The network on the smaller backbone, with columns of the flip test as no mistake would choose them."""
    torch.manual_seed(0)
    network = uneven(HybrIK(smpl_file.read(body_folder), backbone="resnet34").eval())
    network.shift = tuple((7 * column + 3) % 64 for column in range(64))
    return network


def uneven(network: HybrIK) -> HybrIK:
    """Batch norms that do something."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.copy_(0.1 * torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
            module.weight.copy_(0.8 + 0.4 * torch.rand(module.num_features, generator=generator))
    return network


def agree(given: Prediction, wanted: Prediction, tolerance: float) -> None:
    for field in fields(Prediction):
        one, other = getattr(given, field.name), getattr(wanted, field.name)
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)


def images(crops: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(crop.normalise(crops.numpy()))


def test_no_batch_norm_is_left_and_the_network_keeps_its_own(network: HybrIK) -> None:
    before = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    graph = folded(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in graph.modules())
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == before > 300
    own = {parameter.data_ptr() for parameter in network.parameters()}
    assert not own & {parameter.data_ptr() for parameter in graph.parameters()}


def test_predictions_agree_with_the_large_backbone(network: HybrIK, crops: torch.Tensor) -> None:
    own = uneven(copy.deepcopy(network))
    agree(
        Engine(own, CPU, torch.float32).predict(crops, flip=True),
        own.predict(images(crops), flip=True),
        2e-4,
    )


@pytest.mark.parametrize("flip", [False, True])
def test_predictions_agree_with_the_small_backbone(small: HybrIK, crops: torch.Tensor, flip: bool) -> None:
    """A processor goes joint by joint, a GPU takes several joints of several images at once."""
    wanted = small.predict(images(crops), flip=flip)
    fast = Engine(small, CPU, torch.float32)
    agree(fast.predict(crops, flip=flip), wanted, 2e-4)
    fast._images, fast._joints = 16, 8
    agree(fast.predict(crops, flip=flip), wanted, 2e-4)


def test_fewer_bits(small: HybrIK, crops: torch.Tensor) -> None:
    wanted = small.predict(images(crops))
    given = Engine(small, CPU, torch.bfloat16).predict(crops)
    assert given.phi.dtype == given.uvd.dtype == torch.float32
    assert 0 < (given.phi - wanted.phi).abs().max() < 0.1 * wanted.phi.abs().max()


def test_lanes_with_a_share_of_the_cores_agree_with_one(small: HybrIK, crops: torch.Tensor) -> None:
    wanted, usual = small.predict(images(crops)), torch.get_num_threads()
    engine = Engine(small, CPU, torch.float32, lanes=2)

    def work(_: int) -> tuple[Prediction, int, int]:
        with torch.no_grad():
            with engine.lane():
                seen, inside = engine.predict(crops), torch.get_num_threads()
            return seen, inside, torch.get_num_threads()

    with ThreadPoolExecutor(2) as threads:
        for seen, inside, after in threads.map(work, range(4)):
            agree(seen, wanted, 2e-4)
            assert (inside, after) == (max(1, usual // 2), usual)
    assert torch.get_num_threads() == usual


def test_lanes_do_not_compile_the_same_graph_at_once(
    small: HybrIK, crops: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, compiled = threading.Lock(), list[torch.Size]()

    def slow(graph: nn.Module, **_: object) -> Callable[[torch.Tensor], object]:
        def run(x: torch.Tensor) -> object:
            if x.shape not in compiled:
                assert at_work.acquire(blocking=False), "two lanes compile"
                time.sleep(0.2)
                compiled.append(x.shape)
                at_work.release()
            return graph(x)

        return run

    monkeypatch.setattr(torch, "compile", slow)
    engine = Engine(small, CPU, torch.float32, compiled=True, lanes=2)

    def work(count: int) -> None:
        with torch.no_grad(), engine.lane():
            engine.predict(crops.expand(count, -1, -1, -1))

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(work, [1, 1, 2, 2]))
    assert [shape[0] for shape in compiled] == [1, 2]


def test_without_a_compiler_nothing_is_compiled(
    small: HybrIK, crops: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch._inductor.config as inductor

    monkeypatch.setenv("CXX", "/no/such/compiler")
    with inductor.patch({"cpp.cxx": (None, "/no/such/compiler"), "force_disable_caches": True}):
        engine = Engine(small, CPU, torch.float32, compiled=True)
        with pytest.raises(SettingsError, match=r"pose\.compile: the network cannot be compiled: .*ompiler"):
            engine.predict(crops)


def test_a_network_in_training_is_not_folded(network: HybrIK) -> None:
    network.train()
    try:
        with pytest.raises(ValueError, match="training"):
            folded(network)
    finally:
        network.eval()


def test_numbers() -> None:
    assert number_type("auto", CPU) == torch.float32
    assert number_type("auto", torch.device("cuda")) == torch.float16
    assert number_type("bfloat16", CPU) == torch.bfloat16
