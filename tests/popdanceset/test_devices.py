"""Devices: the ones that torch can use, and one line for any other."""

import subprocess
import sys

import pytest
import torch

from popdanceset import devices as module
from popdanceset.devices import devices, find_device
from popdanceset.errors import SettingsError


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(module, "devices", lambda: ("cpu",))


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "banana", "mps", "cuda:77", "cpu:1", "meta", "7"])
@pytest.mark.usefixtures("no_gpu")
def test_what_is_absent_is_one_line_that_lists_what_is_there(name):
    with pytest.raises(SettingsError) as raised:
        find_device(name, "--device")
    line = str(raised.value)
    assert line.startswith(f"--device: there is no device {name!r}")
    assert "this machine has cpu and no GPU that torch can use" in line
    assert raised.value.exit_code == 2


@pytest.mark.usefixtures("no_gpu")
def test_the_processor_is_always_there():
    assert [find_device(name, "x") for name in ("cpu", " CPU ", "auto", "", None)] == ["cpu"] * 5


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_listed_and_found(monkeypatch):
    monkeypatch.setattr(module, "_failure", lambda _: "")
    assert devices() == ("cpu", "cuda:0", "cuda:1")
    assert [find_device(name, "x") for name in ("cuda", "cuda:1", "auto", None)] == [
        "cuda", "cuda:1", "cuda", "cuda",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="this machine has cpu, cuda:0, cuda:1"):
        find_device("cuda:2", "x")


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_that_does_not_work_says_why(monkeypatch):
    monkeypatch.setattr(module, "_failure", lambda _: "CUDA error: out of memory")
    with pytest.raises(SettingsError, match="'cuda:1' that works: CUDA error: out of memory"):
        find_device("cuda:1", "x")


def test_the_processor_is_found_without_torch():
    code = (
        "import sys; from popdanceset.devices import find_device; find_device('cpu', 'x');"
        " assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
