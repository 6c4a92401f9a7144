"""The optimizer against its equations in double precision, in both implementations."""

import pytest
import torch

from training.fitting.adan import Adan


def by_hand(p, gradients, lr, decay, betas=(0.02, 0.08, 0.01), eps=1e-8):
    m, v, n, before = 0, 0, 0, gradients[0]
    for k, g in enumerate(gradients, start=1):
        b1, b2, b3 = betas
        m = (1 - b1) * m + b1 * g
        v = (1 - b2) * v + b2 * (g - before)
        n = (1 - b3) * n + b3 * (g + (1 - b2) * (g - before)) ** 2
        hat_m, hat_v, hat_n = (x / (1 - (1 - b) ** k) for x, b in zip((m, v, n), betas, strict=True))
        p = (p - lr * (hat_m + (1 - b2) * hat_v) / (hat_n.sqrt() + eps)) / (1 + lr * decay)
        before = g
    return p


@pytest.fixture
def gradients():
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(3, 5, generator=draw, dtype=torch.double) for _ in range(6)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["one pass", "many passes"])
def test_it_does_what_the_paper_says(gradients, dtype):
    start = torch.ones(3, 5, dtype=torch.double)
    parameter = torch.nn.Parameter(start.clone().to(dtype))
    optimizer = Adan([parameter], lr=0.1, weight_decay=0.02)
    for gradient in gradients:
        parameter.grad = gradient.to(dtype)
        optimizer.step()
        assert torch.equal(parameter.grad, gradient.to(dtype))
    tolerance = 1e-6 if dtype == torch.float32 else 1e-12
    expected = by_hand(start, gradients, 0.1, 0.02)
    torch.testing.assert_close(parameter.detach().double(), expected, atol=tolerance, rtol=0)


def test_its_state_can_be_restored(gradients):
    def trained(steps, saved=None, start=None):
        parameter = torch.nn.Parameter(torch.ones(3, 5) if start is None else start.clone())
        optimizer = Adan([parameter], lr=0.1)
        if saved:
            optimizer.load_state_dict(saved)
        for gradient in steps:
            parameter.grad = gradient.float()
            optimizer.step()
        return parameter.detach(), optimizer.state_dict()

    half, saved = trained(gradients[:3])
    assert torch.equal(trained(gradients[3:], saved, half)[0], trained(gradients)[0])


def test_parameters_without_a_gradient_stay():
    used, unused = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    used.grad = torch.ones(2)
    loss = Adan([used, unused], lr=0.1, weight_decay=0.5).step(lambda: 3.0)
    assert loss == 3.0
    assert torch.equal(unused, torch.ones(2))
    assert (used < 1).all()


def test_its_threads_are_torchs_and_stay_so():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        for size in (8, 1 << 16):  # alone, and with the threads that there are
            parameter = torch.nn.Parameter(torch.ones(size))
            parameter.grad = torch.ones(size)
            Adan([parameter], lr=0.1).step()
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
